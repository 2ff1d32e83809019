import DarisCore

/// The bounds of everything a task set can say. Whatever lies outside is an error that names the bound.
package enum Limits {
    /// The largest file, in bytes: 4 MiB.
    package static let fileBytes = 4 << 20
    /// How deep brackets may nest in a file.
    package static let nesting = 64
    /// The largest trace of release times, in bytes: 16 MiB.
    package static let traceBytes = 16 << 20
    /// The most release times in all traces of a task set together.
    package static let traceTimes = 1_000_000
    /// The most tasks, after `count` has been expanded.
    package static let tasks = 10_000
    /// The most models.
    package static let models = 1_000
    /// The longest name of a task, a model or a dimension, in characters.
    package static let nameLength = 128
    /// The longest path of a file, in bytes.
    package static let pathBytes = 4_096
    /// The most symbolic dimensions a model can be given values for.
    package static let dimensions = 64
    /// The values of a symbolic dimension.
    package static let dimension = 1...1_048_576
    /// The numbers of GPUs.
    package static let gpus = 0...63
    /// N_c.
    package static let contexts = 1...Partition.limit
    /// N_s.
    package static let streams = 1...Partition.limit
    /// `express` lanes of a context; at most its streams.
    package static let express = 0...Partition.limit
    /// The stages a model is cut into.
    package static let stages = 1...64
    /// Inferences a job.
    package static let batch = 1...256
    /// The jobs of a task that may be in flight at a time.
    package static let instances = 1...TaskSpecification.instanceLimit
    /// The copies of a task.
    package static let count = 1...tasks
    /// The releases that can wait under `overrun: queue`.
    package static let queue = 1...OverrunRule.largestQueueLimit
    /// w_s, the execution times MRET looks back on.
    package static let window = 1...SchedulerOptions.windowLimit
    /// The most jobs that may run a stage together, where they may at all.
    package static let batching = 2...BatchGroup.jobLimit
    /// Tᵢ: 10 µs to 1 h.
    package static let period = Nanoseconds.microseconds(10)...Nanoseconds.seconds(3_600 as Int64)
    /// Dᵢ: above zero, up to 1 h.
    package static let deadline = Nanoseconds(1)...Nanoseconds.seconds(3_600 as Int64)
    /// The time from the start of the run to the first release: up to 1 h.
    package static let phase = Nanoseconds.zero...Nanoseconds.seconds(3_600 as Int64)
    /// How late a release of a task with jitter may be; never later than its period.
    package static let jitter = Nanoseconds.zero...period.upperBound
    /// The mean of what sporadic gaps have beyond the period.
    package static let extraGap = Nanoseconds.zero...period.upperBound
    /// The mean length of on and off spans: 10 µs to 1 h.
    package static let span = period
    /// A release time in a trace: up to 7 days.
    package static let traceTime = Nanoseconds.zero...duration.upperBound
    /// The length of a run: 1 ms to 7 days.
    package static let duration = Nanoseconds.milliseconds(1)...Nanoseconds.seconds(7 * 86_400 as Int64)
    /// The load as a share of what the device can do: 1 % to 10000 %.
    package static let load = 0.01...100.0
}

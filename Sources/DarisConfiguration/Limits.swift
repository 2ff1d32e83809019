public import DarisCore

/// The bounds of everything a task set can say. Whatever lies outside is an error that names the bound.
public enum Limits {
    /// The largest file, in bytes: 4 MiB.
    public static let fileBytes = 4 << 20
    /// How deep brackets may nest in a file.
    public static let nesting = 64
    /// The largest trace of release times, in bytes: 16 MiB.
    public static let traceBytes = 16 << 20
    /// The most release times in all traces of a task set together.
    public static let traceTimes = 1_000_000
    /// The most tasks, after `count` has been expanded.
    public static let tasks = 10_000
    /// The most models.
    public static let models = 1_000
    /// The longest name of a task, a model or a dimension, in characters.
    public static let nameLength = 128
    /// The longest path of a file, in bytes.
    public static let pathBytes = 4_096
    /// The most symbolic dimensions a model can be given values for.
    public static let dimensions = 64
    /// The values of a symbolic dimension.
    public static let dimension = 1...1_048_576
    /// The numbers of GPUs.
    public static let gpus = 0...63
    /// N_c.
    public static let contexts = 1...Partition.limit
    /// N_s.
    public static let streams = 1...Partition.limit
    /// The stages a model is cut into.
    public static let stages = 1...64
    /// Inferences a job.
    public static let batch = 1...256
    /// The copies of a task.
    public static let count = 1...tasks
    /// The releases that can wait under `overrun: queue`.
    public static let queue = 1...OverrunRule.largestQueueLimit
    /// w_s, the execution times MRET looks back on.
    public static let window = 1...SchedulerOptions.windowLimit
    /// The most jobs that may run a stage together, where they may at all.
    public static let batching = 2...BatchGroup.jobLimit
    /// Tᵢ: 10 µs to 1 h.
    public static let period = Nanoseconds.microseconds(10)...Nanoseconds.seconds(3_600 as Int64)
    /// Dᵢ: above zero, up to 1 h.
    public static let deadline = Nanoseconds(1)...Nanoseconds.seconds(3_600 as Int64)
    /// The time from the start of the run to the first release: up to 1 h.
    public static let phase = Nanoseconds.zero...Nanoseconds.seconds(3_600 as Int64)
    /// How late a release of a task with jitter may be; never later than its period.
    public static let jitter = Nanoseconds.zero...period.upperBound
    /// The mean of what sporadic gaps have beyond the period.
    public static let extraGap = Nanoseconds.zero...period.upperBound
    /// The mean length of on and off spans: 10 µs to 1 h.
    public static let span = period
    /// A release time in a trace: up to 7 days.
    public static let traceTime = Nanoseconds.zero...duration.upperBound
    /// The length of a run: 1 ms to 7 days.
    public static let duration = Nanoseconds.milliseconds(1)...Nanoseconds.seconds(7 * 86_400 as Int64)
    /// The load as a share of what the device can do: 1 % to 10000 %.
    public static let load = 0.01...100.0
}

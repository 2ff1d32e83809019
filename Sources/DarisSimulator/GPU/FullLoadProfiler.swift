public import DarisCore

/// Measures AFET, the average execution time of a stage under full load, on a simulated device: while a task's stages
/// are repeated on one lane, every other lane runs stages of other tasks, picked by a seeded generator (paper section
/// III-A). Tasks fall to the lanes round-robin; a lane to which no other task falls stays idle.
public struct FullLoadProfiler {
    /// How often a stage runs before it is timed.
    public static let warmUps = 5
    /// How often a stage is timed.
    public static let repeats = 10

    private let stageCounts: [Int]
    private let lanes: Int

    /// A profiler of tasks with these numbers of stages on a device of `lanes` lanes.
    public init(stageCounts: [Int], lanes: Int) {
        self.stageCounts = stageCounts
        self.lanes = lanes
    }

    /// The AFET of each stage of a task, measured on an idle device, which is left with stages running.
    public func afet<Device: VirtualDevice>(of task: Int, on device: inout Device, seed: UInt64) -> [Nanoseconds] {
        var random = SplitMix64(seed: seed)
        var now = Nanoseconds.zero
        let measured = task % lanes
        for lane in 0..<lanes where lane != measured { keepBusy(lane, on: &device, at: now, using: &random) }
        return (0..<stageCounts[task]).map { stage in
            var total = Nanoseconds.zero
            for run in 0..<Self.warmUps + Self.repeats {
                device.start(task: task, stage: stage, lane: measured, at: now)
                var isRunning = true
                while isRunning, let next = device.nextHappening() {
                    now = next
                    guard let end = device.happen(at: now) else { continue }
                    if end.lane == measured {
                        isRunning = false
                        if run >= Self.warmUps { total += end.executionTime }
                    } else {
                        keepBusy(end.lane, on: &device, at: now, using: &random)
                    }
                }
            }
            return Nanoseconds(total.rawValue / Int64(Self.repeats))
        }
    }

    /// Starts a random stage of a random task of the lane.
    private func keepBusy<Device: VirtualDevice>(
        _ lane: Int, on device: inout Device, at now: Nanoseconds, using random: inout SplitMix64
    ) {
        guard lane < stageCounts.count else { return }
        let count = (stageCounts.count - 1 - lane) / lanes + 1
        let task = lane + lanes * Int(random.next() % UInt64(count))
        device.start(task: task, stage: Int(random.next() % UInt64(stageCounts[task])), lane: lane, at: now)
    }
}

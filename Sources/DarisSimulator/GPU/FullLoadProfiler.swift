import DarisCore

/// Measures AFET on a simulated device by the rules of `FullLoad`.
package struct FullLoadProfiler {
    private let stageCounts: [Int]
    private let lanes: Int

    /// A profiler of tasks with these numbers of stages on a device of `lanes` lanes.
    package init(stageCounts: [Int], lanes: Int) {
        self.stageCounts = stageCounts
        self.lanes = lanes
    }

    /// The AFET of each stage of a task, or of a batch of `jobs` jobs of its group, measured on an idle device, which is
    /// left with stages running.
    package func afet<Device: VirtualDevice>(
        of task: Int, jobs: Int = 1, on device: inout Device, seed: UInt64
    ) -> [Nanoseconds] {
        var random = SplitMix64(seed: seed)
        var now = Nanoseconds.zero
        let measured = FullLoad.lane(of: task, lanes: lanes)
        for lane in 0..<lanes where lane != measured { keepBusy(lane, on: &device, at: now, using: &random) }
        return (0..<stageCounts[task]).map { stage in
            var total = Nanoseconds.zero
            for run in 0..<FullLoad.warmUps + FullLoad.repeats {
                device.start(task: task, stage: stage, jobs: jobs, lane: measured, at: now)
                var isRunning = true
                while isRunning, let next = device.nextHappening() {
                    now = next
                    guard let end = device.happen(at: now) else { continue }
                    if end.lane == measured {
                        isRunning = false
                        if run >= FullLoad.warmUps { total += end.executionTime }
                    } else {
                        keepBusy(end.lane, on: &device, at: now, using: &random)
                    }
                }
            }
            return Nanoseconds(total.rawValue / Int64(FullLoad.repeats))
        }
    }

    /// Starts a random stage of a random task of the lane.
    private func keepBusy<Device: VirtualDevice>(
        _ lane: Int, on device: inout Device, at now: Nanoseconds, using random: inout SplitMix64
    ) {
        guard
            let (task, stage) = FullLoad.stage(on: lane, lanes: lanes, stageCounts: stageCounts, using: &random)
        else { return }
        device.start(task: task, stage: stage, jobs: 1, lane: lane, at: now)
    }
}

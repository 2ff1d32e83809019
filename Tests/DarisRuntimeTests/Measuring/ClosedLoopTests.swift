import DarisCore
import FakeDriver
import Synchronization
import Testing

@testable import DarisRuntime

@Suite("Measuring without a scheduler", .timeLimit(.minutes(15)))
struct ClosedLoopTests {
    @Test("each lane runs its task's stages in order, one job after another, and is idle at the end")
    func order() async throws {
        let launches = Mutex<[[Int]]>([[], []])
        let running = Mutex(0)
        let result = try await onThread {
            let device = ThreadedDevice(
                lanes: 3,
                onLaunch: { job, stage, lane in
                    running.withLock { $0 += 1 }
                    launches.withLock { $0[lane].append(job.task == lane ? stage : -1) }
                },
                fails: { _, _ in
                    running.withLock { $0 -= 1 }
                    return false
                })
            defer { device.shutDown() }
            return try ClosedLoop(
                device: device, stageCounts: [3, 2], warmUp: .milliseconds(1), duration: .milliseconds(5)
            ).run()
        }
        #expect(running.withLock { $0 } == 0)
        #expect(result.jobs >= 2 && result.allJobs > result.jobs && result.jobsPerSecond > 0)
        for (lane, count) in [3, 2].enumerated() {
            let stages = launches.withLock { $0[lane] }
            for (index, stage) in stages.enumerated() { #expect(stage == index % count, "lane \(lane)") }
        }
    }

    @Test("a stage that fails ends the loop with the device's words")
    func failure() async {
        let result = await onThread {
            let device = ThreadedDevice(lanes: 2, fails: { job, stage in job.task == 1 && stage == 1 })
            defer { device.shutDown() }
            return Result { () throws(DeviceError) in
                try ClosedLoop(
                    device: device, stageCounts: [1, 2], warmUp: .zero, duration: .seconds(Int64(3_600))
                ).run()
            }
        }
        #expect(throws: DeviceError.self) { try result.get() }
        if case .failure(let error) = result { #expect(error.description == "stage 1 fails") }
    }

    @Test("one job goes through all stages with its tensors and gives its outputs back")
    func oneJob() async throws {
        let device = ManualDevice(lanes: 2)
        async let outputs = onThread {
            try OneJob(device: device, task: 0, stages: 2, inputs: [[1, 2, 3, 4]]).run()
        }
        let first = await device.endLaunch(1)
        let second = await device.endLaunch(2, output: [[9, 8, 7, 6]])
        #expect([first.stage, second.stage] == [0, 1] && first.lane == 0 && second.lane == 0)
        #expect(first.io?.inputs == [[1, 2, 3, 4]])
        #expect(try await outputs == [[9, 8, 7, 6]])
        #expect(device.violations.isEmpty)
    }

    @Test("one job whose first stage fails is an error, and its second stage is not launched")
    func oneJobFails() async throws {
        let device = ManualDevice(lanes: 1)
        async let result = onThread {
            Result { () throws(DeviceError) in
                try OneJob(device: device, task: 0, stages: 2, inputs: [[0, 0, 0, 0]]).run()
            }
        }
        await device.endLaunch(1, error: "no")
        if case .failure(let error) = await result { #expect(error.description == "no") } else { Issue.record("none") }
        #expect(device.launches.entries.count == 1)
    }

    @Test("on a GPU a closed loop replays graphs on the lanes it has, and one job computes what the model computes")
    func onGPU() async throws {
        let workshop = try Workshop()
        let gpu = try FakeDriver(multiprocessors: 132)
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 2) }
        do {
            let bench = try await onThread {
                try GPUBench(
                    workshop, [model], gpu: gpu, tasks: [.init(model: 0, batch: 1), .init(model: 0, batch: 1)])
            }
            let loop = try await onThread {
                try ClosedLoop(
                    device: bench.device, stageCounts: [2, 2], warmUp: .zero, duration: .milliseconds(5)
                ).run()
            }
            // A lane may be ended between its two stages, so that one graph more has been launched.
            let launches = gpu.calls(named: "cuGraphLaunch")
            #expect(loop.jobs >= 2 && (loop.allJobs * 2...loop.allJobs * 2 + 1).contains(launches))
            let x: [Float] = [1, -2, 0.5]
            let outputs = try await onThread {
                try OneJob(device: bench.device, task: 1, stages: 2, inputs: [bytes(x)]).run()
            }
            #expect(floats(outputs[0]) == x.map { (max(0, $0) + 1) * 2 - 3 })
            await onThread { bench.device.shutDown() }
        }
        #expect(await gpu.isClean())
    }

    @Test("a timed device times every launch and passes it on")
    func timed() {
        let base = ManualDevice(lanes: 2)
        let device = TimedDevice(base)
        #expect(device.laneCount == 2 && device.launchTimes.count == 0)
        device.launch(JobID(task: 0, sequence: 3), stage: 1, lane: 1, io: nil)
        device.launch(JobID(task: 1, sequence: 0), stage: 0, lane: 0, io: nil)
        #expect(base.launches.entries.map(\.lane) == [1, 0] && base.launches.entries[0].job.sequence == 3)
        #expect(device.launchTimes.count == 2 && device.launchTimes.maximum >= device.launchTimes.percentile(50))
        device.terminateRunningStages()
        #expect(base.terminations.entries.count == 1)
    }
}

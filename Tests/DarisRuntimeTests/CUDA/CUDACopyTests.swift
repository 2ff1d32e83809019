import CUDADriver
import DarisCore
import FakeDriver
import Testing

@testable import DarisRuntime

/// Tensors of 256 KiB, too many to be copied where others wait.
@Suite("Copies of large tensors on a GPU", .timeLimit(.minutes(15)))
struct CUDACopyTests {
    private let workshop: Workshop
    private static let twoLanes = Partition(contexts: 1, streams: 2, oversubscription: 1)

    init() throws { workshop = try Workshop() }

    private func input(_ seed: UInt64) -> [Float] { randomFloats(256 * 256, seed: seed).map { $0 / 256 } }

    private func expected(_ x: [Float]) throws -> [Float] {
        try workshop.unstaged(SmallModels.wide, ["x": (x, [1, 256, 256])])[0]
    }

    private func bench(
        _ gpu: FakeDriver, tasks: Int = 2, stages: Int = 2, partition: Partition = twoLanes, batching: Int? = nil
    ) async throws -> GPUBench {
        let workshop = workshop
        return try await onThread {
            try GPUBench(
                workshop, [try workshop.cut(SmallModels.wide, stages: stages)], gpu: gpu,
                tasks: (0..<tasks).map { _ in DeviceTask(model: 0, batch: 1) }, partition: partition,
                batching: batching)
        }
    }

    @Test("they compute what the model computes, alone and together, on one lane and on several", arguments: [1, 2])
    func computes(streams: Int) async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        do {
            let bench = try await bench(
                gpu, tasks: 5, partition: Partition(contexts: 1, streams: streams, oversubscription: 1), batching: 4)
            let inputs = (0..<5).map { input($0) }
            let expected = try inputs.map(expected)
            let outcome = try await bench.executor.run { executor in
                for round in 0..<4 {
                    let answers = Journal<(task: Int, answer: Result<[[UInt8]], SubmissionError>)>()
                    for task in 0..<5 {
                        try executor.submit(task: task, inputs: [bytes(inputs[(task + round) % 5])]) {
                            answers.append((task, $0))
                        }
                    }
                    for (task, answer) in await answers.first(5) {
                        let found = floats(try answer.get()[0])
                        #expect(relativeDifference(found, expected[(task + round) % 5]) < 1e-5)
                    }
                }
            }
            #expect(outcome.summary.jobs.completed == 20 && outcome.summary.jobs.failed == 0)
        }
        #expect(await gpu.isClean())
    }

    @Test("while a job's inputs are copied, others are submitted and run, and watchers are answered")
    func inputsOffTheLock() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        do {
            let bench = try await bench(gpu)
            let (x, y) = (input(1), input(2))
            let launcher = ThreadIdentity()
            let held = HeldTensors(
                inputs: [bytes(x)], outputSizes: bench.device.tensorSizes(of: 0).outputs, holding: .inputs,
                busy: launcher)
            let executor = Executor(
                bench.executor.configuration, device: HoldingDevice(bench.device, held, launcher: launcher),
                arrivals: bench.executor.arrivals, duration: Bench.endless)
            let answers = Journal<Result<[[UInt8]], SubmissionError>>()
            _ = try await executor.run { executor in
                try executor.submit(task: 0, inputs: [bytes(x)]) { answers.append($0) }
                await held.waitForCopy()
                let launches = gpu.calls(named: "cuGraphLaunch")
                #expect(executor.view().lanes.count { $0.stage != nil } == 1)
                let other = try await executor.submit(task: 1, inputs: [bytes(y)])
                #expect(relativeDifference(floats(other[0]), try expected(y)) < 1e-5)
                // Both stages of the other, none of this one.
                #expect(gpu.calls(named: "cuGraphLaunch") == launches + 2 && answers.entries.isEmpty)
                held.release()
                _ = try await answers.first(1)[0].get()
                #expect(relativeDifference(floats(held.outputs[0]), try expected(x)) < 1e-5)
            }
        }
        #expect(await gpu.isClean())
    }

    @Test("while a job's outputs are copied, ends on other lanes are told, and its own only afterwards")
    func outputsOffThePoller() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        do {
            let bench = try await bench(gpu, stages: 1)
            let x = input(3)
            let (poller, ends, otherEnds) = (ThreadIdentity(), Journal<StageEnd>(), Journal<StageEnd>())
            bench.device.setHandler { end in
                poller.claim()
                (end.lane == 0 ? ends : otherEnds).append(end)
            }
            let held = HeldTensors(
                inputs: [bytes(x)], outputSizes: bench.device.tensorSizes(of: 0).outputs, holding: .outputs,
                busy: poller)
            bench.device.launch(JobID(task: 1, sequence: 0), stage: 0, lane: 1)
            _ = await otherEnds.first(1)
            bench.device.launch(JobID(task: 0, sequence: 0), stage: 0, lane: 0, io: held)
            await held.waitForCopy()
            for sequence in 1...3 {
                bench.device.launch(JobID(task: 1, sequence: sequence), stage: 0, lane: 1)
                _ = await otherEnds.first(sequence + 1)
            }
            #expect(ends.entries.isEmpty)
            held.release()
            let end = await ends.first(1)[0]
            #expect(end.error == nil && end.executionTime > .zero)
            #expect(relativeDifference(floats(held.outputs[0]), try expected(x)) < 1e-5)
            await onThread { bench.device.shutDown() }
        }
        #expect(await gpu.isClean())
    }

    @Test("a job that is cancelled while its inputs are copied ends with its stage, and the lane goes on")
    func cancelled() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        do {
            let bench = try await bench(
                gpu, tasks: 1, partition: Partition(contexts: 1, streams: 1, oversubscription: 1))
            let (x, launcher) = (input(4), ThreadIdentity())
            let held = HeldTensors(
                inputs: [bytes(x)], outputSizes: bench.device.tensorSizes(of: 0).outputs, holding: .inputs,
                busy: launcher)
            let executor = Executor(
                bench.executor.configuration, device: HoldingDevice(bench.device, held, launcher: launcher),
                arrivals: bench.executor.arrivals, duration: Bench.endless)
            let answers = Journal<Result<[[UInt8]], SubmissionError>>()
            let outcome = try await executor.run { executor in
                let job = try executor.submit(task: 0, inputs: [bytes(x)]) { answers.append($0) }
                await held.waitForCopy()
                executor.cancel(job)
                held.release()
                guard case .failure(let error) = await answers.first(1)[0] else {
                    Issue.record("it completed")
                    return
                }
                #expect(Bench.Answer.failure(error).ending?.fate == .dropped)
                let next = try await executor.submit(task: 0, inputs: [bytes(x)])
                #expect(relativeDifference(floats(next[0]), try expected(x)) < 1e-5)
            }
            #expect(outcome.summary.jobs.completed == 1 && outcome.summary.jobs.inFlight == 0)
        }
        #expect(await gpu.isClean())
    }

    @Test("a launch that fails on the lane's thread fails its job alone, and a lost device ends the run")
    func failures() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        do {
            let bench = try await bench(gpu)
            let x = input(5)
            let outcome = try await bench.executor.run { executor in
                func message() async -> String? {
                    do {
                        _ = try await executor.submit(task: 0, inputs: [bytes(x)])
                        return nil
                    } catch {
                        return Bench.Answer.failure(error).ending?.message
                    }
                }
                gpu.fail("cuGraphLaunch", with: 701)
                #expect(await message()?.contains("701") == true)
                #expect(await message() == nil)
                gpu.lose(700)
                #expect(await message()?.contains("illegal") == true)
            }
            #expect(outcome.summary.jobs.completed == 1 && outcome.summary.jobs.failed == 2)
            #expect(outcome.loss != nil)
        }
        #expect(await gpu.isReleased())
    }
}

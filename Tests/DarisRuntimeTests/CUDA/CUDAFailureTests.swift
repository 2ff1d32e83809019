import DarisConfiguration
import DarisCore
import DarisONNX
import CUDADriver
import FakeDriver
import Testing

@testable import DarisRuntime

@Suite("A GPU whose calls fail", .timeLimit(.minutes(15)))
struct CUDAFailureTests {
    private let workshop: Workshop

    init() throws { workshop = try Workshop() }

    @Test("each call that fails while the device is loaded is named in the error, and everything is released")
    func failuresAtStart() async throws {
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 2) }
        let partition = Partition(contexts: 2, streams: 1, oversubscription: 1)
        func load(_ gpu: FakeDriver) async -> Result<[String], any Error> {
            await onThread {
                Result {
                    let bench = try GPUBench(workshop, [model], gpu: gpu, partition: partition, kind: .green)
                    bench.device.shutDown()
                    return bench.notes
                }
            }
        }
        let whole = try FakeDriver(multiprocessors: 132)
        _ = try await load(whole).get()
        let calls = whole.calls.count
        #expect(calls > 100)
        #expect(await whole.isClean())
        var tried = 0
        for number in 1...calls {
            let gpu = try FakeDriver(multiprocessors: 132)
            gpu.fail(number, with: 700)
            let outcome = await load(gpu)
            guard let call = gpu.failed else { continue }
            tried += 1
            switch outcome {
            case .success(let notes):
                // A capture may fail; what is released at the end cannot.
                let isToldOrReleases =
                    notes.contains { $0.contains(call) } || call.contains("Destroy") || call.contains("Free")
                    || call.contains("Release") || call == "cuCtxSynchronize" || call.contains("Attribute")
                    || call.contains("SetCurrent") || call == "cuModuleUnload"
                #expect(isToldOrReleases, "call \(number), \(call): no error")
            case .failure(let error):
                #expect("\(error)".contains(call), "call \(number), \(call): \(error)")
                #expect("\(error)".contains("illegal"), "call \(number), \(call): \(error)")
            }
            if await gpu.isReleased(), call == "cuCtxSetCurrent" { gpu.forgive() }
            #expect(await gpu.isClean(), "call \(number), \(call): \(gpu.violations)")
        }
        #expect(tried > 100)
    }

    @Test("each call that fails in a run fails its own job with its name, and the run goes on")
    func failuresInARun() async throws {
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 2) }
        let partition = Partition(contexts: 1, streams: 1, oversubscription: 1)
        var tried = 0
        var number = 1
        while true {
            let gpu = try FakeDriver(multiprocessors: 132)
            var hasFailed = false
            do {
                let bench = try await onThread { try GPUBench(workshop, [model], gpu: gpu, partition: partition) }
                // One that the device recovers from.
                gpu.fail(number, with: 701)
                var failures = 0
                let outcome = try await bench.run { executor in
                    for index in 0..<3 {
                        let x = [Float(index), -2, 0.5]
                        do {
                            let outputs = try await executor.submit(task: 0, inputs: [bytes(x)])
                            #expect(floats(outputs[0]) == x.map { (max(0, $0) + 1) * 2 - 3 })
                        } catch let error as SubmissionError {
                            failures += 1
                            let ending = Bench.Answer.failure(error).ending
                            let call = gpu.failed ?? "none"
                            #expect(ending?.fate == .failed && ending?.message?.contains(call) == true, "\(error)")
                        }
                    }
                }
                hasFailed = gpu.failed != nil
                #expect(failures <= 1 && outcome.summary.jobs.failed == failures)
                #expect(outcome.summary.jobs.completed == 3 - failures && outcome.summary.jobs.inFlight == 0)
            }
            // Where the thread's context could not be set, not even for a release, the release broke a rule for it.
            if await gpu.isReleased(), gpu.failed == "cuCtxSetCurrent" { gpu.forgive() }
            #expect(
                await gpu.isClean(),
                "call \(number), \(gpu.failed ?? "none"): \(gpu.live()) alive, \(gpu.violations)")
            guard hasFailed else { break }
            tried += 1
            number += 1
            if number > 2_000 { break }
        }
        #expect(tried > 20)
    }

    @Test("the end of a stage tells a lost device from a failed call")
    func lossIsTold() async throws {
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 2) }
        func end(_ harm: @Sendable (FakeDriver) -> Void) async throws -> DeviceError? {
            let gpu = try FakeDriver(multiprocessors: 132)
            let bench = try await onThread { try GPUBench(workshop, [model], gpu: gpu) }
            let ends = Journal<StageEnd>()
            bench.device.setHandler { ends.append($0) }
            harm(gpu)
            bench.device.launch(JobID(task: 0, sequence: 0), stage: 0, lane: 0, io: nil)
            while ends.entries.isEmpty { await Task.yield() }
            await onThread { bench.device.shutDown() }
            return ends.entries.first?.error
        }
        let lost = try await end { $0.lose(719) }
        #expect(lost?.losesDevice == true && lost?.description.contains("719") == true)
        let failed = try await end { $0.fail("cuGraphLaunch", with: 701) }
        #expect(failed?.losesDevice == false && failed?.description.contains("701") == true)
        let both = try await end {
            $0.lose(719)
            $0.fail("cuGraphLaunch", with: 701)
        }
        #expect(both?.losesDevice == true && both?.description.contains("701") == true)
    }

    @Test("an idle device hears of a fault that was not its own where it asks")
    func idleLoss() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 2) }
        let bench = try await onThread { try GPUBench(workshop, [model], gpu: gpu) }
        func check() async -> DeviceError? {
            await onThread {
                do throws(DeviceError) { try bench.device.checkContext() } catch { return error }
                return nil
            }
        }
        #expect(await check() == nil)
        // Negative: at once, without any work that fails.
        gpu.lose(-719)
        #expect(await check()?.losesDevice == true)
        await onThread { bench.device.shutDown() }
    }

    @Test("a lost device fails its job with CUDA's words, and ends the run, which says why")
    func lostDevice() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 2) }
        do {
            let bench = try await onThread { try GPUBench(workshop, [model], gpu: gpu) }
            let outcome = try await bench.run { executor in
                try await checkChain(executor, count: 2)
                gpu.lose(700)
                func error() async -> SubmissionError? {
                    await #expect(throws: SubmissionError.self) {
                        try await executor.submit(task: 0, inputs: [bytes([Float](repeating: 1, count: 3))])
                    }
                }
                let ending = await error().flatMap { Bench.Answer.failure($0).ending }
                #expect(ending?.message?.contains("illegal") == true)
                while executor.canRun { await Task.yield() }
                guard case .stopped? = await error() else {
                    Issue.record("a job was taken for a lost device")
                    return
                }
            }
            #expect(outcome.summary.jobs.completed == 2 && outcome.summary.jobs.failed == 1)
            #expect(outcome.loss?.description.contains("illegal") == true)
        }
        #expect(await gpu.isReleased())
    }
}

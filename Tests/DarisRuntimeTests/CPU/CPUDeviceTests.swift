import DarisConfiguration
import DarisCore
import DarisONNX
import Testing

@testable import DarisRuntime

@Suite("Models on the CPU", .timeLimit(.minutes(15)))
struct CPUDeviceTests {
    /// The message of what preparing a model for a batch throws.
    private func refusal(
        _ model: ONNXModel, batch: Int = 1, stages: Int = 1, dimensions: [String: Int] = [:]
    ) async throws -> String {
        let workshop = try Workshop()
        return await onThread {
            do {
                let model = try workshop.cut(model, stages: stages, dimensions: dimensions)
                let bench = try CPUBench(workshop, [model], tasks: [.init(model: 0, batch: batch)])
                bench.device.shutDown()
                return "nothing was wrong"
            } catch {
                return "\(error)"
            }
        }
    }

    @Test("a model that fails half-way fails those jobs with ONNX Runtime's words, and no others")
    func failsHalfWay() async throws {
        let workshop = try Workshop()
        let model = try await onThread { try workshop.cut(SmallModels.gather, stages: 2) }
        let bench = try await onThread { try CPUBench(workshop, [model]) }
        let x: [Float] = [-1, 0, 2]
        let outcome = try await bench.run { executor in
            for index in [Int64](arrayLiteral: 0, 3, 7, 1, -9, 2) {
                let inputs = [bytes(x), bytes([index])]
                if (0..<4).contains(index) {
                    let outputs = try await executor.submit(task: 0, inputs: inputs)
                    let value = Float(index + 1) * 10
                    #expect(floats(outputs[0]) == [value, value, value + 2])
                } else {
                    let error = await #expect(throws: SubmissionError.self) {
                        try await executor.submit(task: 0, inputs: inputs)
                    }
                    let ending = error.flatMap { Bench.Answer.failure($0).ending }
                    #expect(ending?.fate == .failed && ending?.reason == .stageFailed)
                    #expect(ending?.message?.contains("idx=\(index)") == true)
                }
            }
        }
        #expect(outcome.summary.jobs.completed == 4 && outcome.summary.jobs.failed == 2)
        #expect(outcome.summary.jobs.isBalanced && outcome.errors.count == 2)
    }

    @Test("several inputs and outputs come and go in the order of the model's graph", arguments: [1, 2, 3])
    func severalInputsAndOutputs(stages: Int) async throws {
        let workshop = try Workshop()
        let model = try await onThread { try workshop.cut(SmallModels.twoOutputs, stages: stages) }
        #expect(model.inputs == ["a", "b"] && model.outputs == ["product", "sum"])
        let bench = try await onThread { try CPUBench(workshop, [model], tasks: [.init(model: 0, batch: 2)]) }
        let sizes = bench.device.tensorSizes(of: 0)
        #expect(sizes.inputs == [.bytes(24), .bytes(24)] && sizes.outputs == sizes.inputs)
        let (a, b): ([Float], [Float]) = ([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1])
        _ = try await bench.run { executor in
            let outputs = try await executor.submit(task: 0, inputs: [bytes(a), bytes(b)])
            #expect(floats(outputs[0]) == [-35, -21, -7, 7, 21, 35])
            #expect(floats(outputs[1]) == [7, 7, 7, 7, 7, 7])
        }
    }

    @Test(
        "LP stages run on threads that make way, with the pool threads of their sessions; HP stages do not",
        arguments: [1, 2])
    func makesWay(cores: Int) async throws {
        let processors = SystemRights.allowedProcessors()
        guard processors.count >= cores else { return }
        let workshop = try Workshop()
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 2) }
        let before = Set(ThreadPolicies.read().idle.map(\.thread))
        let bench = try await onThread {
            try CPUBench(
                workshop, [model], tasks: [.init(model: 0, batch: 1), .init(model: 0, batch: 1)],
                priorities: [.high, .low],
                partition: Partition(contexts: 1, streams: 1, oversubscription: 1, express: 1),
                processors: Array(processors.prefix(cores)))
        }
        #expect(bench.device.laneCount == 2 && bench.device.ordinaryLanes == [0])
        let outcome = try await bench.run { executor in
            // A job of each has run when both have been answered, so their threads have set what they are.
            try await checkChain(executor)
            try await checkChain(executor, task: 1)
            let now = ThreadPolicies.read()
            #expect(now.names(idle: true).contains("daris-0.0l"))
            #expect(now.names(idle: false).isSuperset(of: ["daris-0.0", "daris-0.1"]))
            // One thread beside the lane's own for each further core and stage.
            #expect(now.idle.count { !before.contains($0.thread) } >= 1 + (cores - 1) * 2, "\(now)")
        }
        #expect(outcome.summary.jobs.completed == 12)
    }

    @Test("a model without inputs runs")
    func noInputs() async throws {
        let workshop = try Workshop()
        let bench = try await onThread { try CPUBench(workshop, [try workshop.cut(SmallModels.constant, stages: 1)]) }
        _ = try await bench.run { executor in
            let outputs = try await executor.submit(task: 0, inputs: [])
            #expect(floats(outputs[0]) == [3])
        }
    }

    @Test("a symbolic dimension needs a value, and has it everywhere once given")
    func symbolicDimension() async throws {
        let text = try await refusal(SmallModels.anyLength)
        #expect(text.contains("'length'") && text.contains("dimensions: {length: 128}"))
        let unknown = try await refusal(SmallModels.unknownLength)
        #expect(unknown.contains("neither a length nor a name"))

        let workshop = try Workshop()
        let model = try await onThread {
            try workshop.cut(SmallModels.anyLength, stages: 2, dimensions: ["length": 5])
        }
        let bench = try await onThread { try CPUBench(workshop, [model], tasks: [.init(model: 0, batch: 2)]) }
        let sizes = bench.device.tensorSizes(of: 0)
        #expect(sizes.inputs == [.bytes(40)] && sizes.outputs == [.bytes(40)])
        _ = try await bench.run { executor in
            let outputs = try await executor.submit(task: 0, inputs: [bytes([Float](repeating: 2, count: 10))])
            #expect(floats(outputs[0]) == [Float](repeating: 3, count: 10))
        }
    }

    @Test("what cannot be run is refused with the reason")
    func refusals() async throws {
        #expect(try await refusal(SmallModels.batchOfTwo) == "nothing was wrong")
        #expect(try await refusal(SmallModels.batchOfTwo, batch: 2) == "nothing was wrong")
        #expect(try await refusal(SmallModels.batchOfTwo, batch: 4).contains("cannot be run with batch 4"))
        #expect(try await refusal(SmallModels.nonZero).contains("depends on the input's values"))
        #expect(try await refusal(SmallModels.unknownOperator).contains("NoSuchOperator"))
        #expect(try await refusal(SmallModels.chain, stages: 9).contains("ask for 1 to 4"))
    }

    @Test("a device whose stages were terminated runs again for the next executor")
    func terminationIsTakenBack() async throws {
        let workshop = try Workshop()
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 2) }
        let bench = try await onThread { try CPUBench(workshop, [model]) }
        bench.device.terminateRunningStages()
        let outcome = try await bench.run { executor in
            let outputs = try await executor.submit(task: 0, inputs: [bytes([Float]([-1, 0, 4]))])
            #expect(floats(outputs[0]) == [-1, -1, 7])
        }
        #expect(outcome.errors.isEmpty)
    }

    @Test("a device that nobody shuts down lets go of its lanes")
    func letGo() async throws {
        let workshop = try Workshop()
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 1) }
        weak let lane = try await onThread { try CPUBench(workshop, [model]).device.lanes[0] }
        while lane != nil { await Task.yield() }
    }
}

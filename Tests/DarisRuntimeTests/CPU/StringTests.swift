import DarisCore
import DarisONNX
import FakeDriver
import ONNXRuntime
import Testing

@testable import DarisRuntime

@Suite("Models of strings", .timeLimit(.minutes(15)))
struct StringTests {
    private let workshop: Workshop

    init() throws { workshop = try Workshop() }

    private static let awkward: [[UInt8]] = [
        [], Array("größer 🚀".utf8), [0, 1, 0], [0xff, 0xfe], [UInt8](repeating: 7, count: 100_000),
    ]

    private func bench(_ model: ONNXModel, stages: Int = 1, batch: Int = 1) async throws -> CPUBench {
        let workshop = workshop
        return try await onThread {
            try CPUBench(
                workshop, [try workshop.cut(model, stages: stages)], tasks: [.init(model: 0, batch: batch)])
        }
    }

    @Test("strings of any length and content come back as they were, job after job")
    func identity() async throws {
        let bench = try await bench(SmallModels.text, batch: 5)
        let sizes = bench.device.tensorSizes(of: 0)
        #expect(sizes.inputs == [.strings(count: 5)] && sizes.outputs == [.strings(count: 5)])
        let outcome = try await bench.run { executor in
            let shortest: [[UInt8]] = [[1], [2], [3], [4], [5]]
            let rounds: [[[UInt8]]] = [Self.awkward, Self.awkward.reversed(), shortest, Self.awkward]
            for strings in rounds {
                let outputs = try await executor.submit(task: 0, inputs: [EncodedStrings.encode(strings)])
                #expect(outputs.count == 1 && EncodedStrings.decode(outputs[0]) == strings)
            }
        }
        #expect(outcome.summary.jobs.completed == 4)
    }

    @Test("strings and numbers go through stages together, and lie between them", arguments: [1, 3, 6])
    func mixed(stages: Int) async throws {
        let bench = try await bench(SmallModels.choose, stages: stages, batch: 2)
        let a = (0..<6).map { Array("a\($0)".utf8) }
        let b = (0..<6).map { Array(String(repeating: "b", count: 40 * $0).utf8) }
        _ = try await bench.run { executor in
            for x in [[-1, 0.5, 2, 3, 1, 9], [5, 5, 5, -5, -5, -5]] as [[Float]] {
                let inputs = [bytes(x), EncodedStrings.encode(a), EncodedStrings.encode(b)]
                let outputs = try await executor.submit(task: 0, inputs: inputs)
                #expect(floats(outputs[0]) == x.map { max(0, $0) + 1 })
                #expect(EncodedStrings.decode(outputs[1]) == x.indices.map { x[$0] > 1 ? a[$0] : b[$0] })
            }
        }
    }

    @Test("bytes that are not the strings of a task are refused with a reason, and reach no job")
    func malformed() async throws {
        let bench = try await bench(SmallModels.text, batch: 2)
        func refusal(_ bytes: [UInt8]) async -> String {
            do {
                _ = try await bench.executor.submit(task: 0, inputs: [bytes])
                return "nothing was wrong"
            } catch {
                return "\(error)"
            }
        }
        let outcome = try await bench.run { _ in
            #expect(await refusal(EncodedStrings.encode([[1], []])) == "nothing was wrong")
            #expect(await refusal([]) == "input 0 of task 'task-0' has 2 strings, not 0")
            #expect(await refusal(EncodedStrings.encode([[1], [2], [3]])).hasSuffix("has 2 strings, not 3"))
            for broken in [[1], [0, 0, 0, 0, 2, 0, 0, 0, 7], [255, 255, 255, 255]] as [[UInt8]] {
                #expect(await refusal(broken).contains("breaks off within a string"))
            }
        }
        #expect(outcome.summary.jobs.released == 1 && outcome.summary.jobs.completed == 1)
    }

    @Test("the strings of one input have a most of bytes")
    func limit() {
        let size = TensorSize.strings(count: 1)
        let most = EncodedStrings.encode([[UInt8](repeating: 0, count: TensorSize.largestStrings - 4)])
        #expect(size.problem(of: most) == nil)
        #expect(size.problem(of: most + [0])?.contains("67108864 are the most") == true)
    }

    @Test("strings that a model cannot use fail that job, and no others")
    func unusable() async throws {
        let bench = try await bench(SmallModels.numbers, batch: 2)
        let outcome = try await bench.run { executor in
            for text in ["2.5", "none", "-1e3"] {
                let inputs = [EncodedStrings.encode([text.utf8, "7".utf8])]
                if let number = Float(text) {
                    let outputs = try await executor.submit(task: 0, inputs: inputs)
                    #expect(floats(outputs[0]) == [number, 7])
                } else {
                    let error = await #expect(throws: SubmissionError.self) {
                        try await executor.submit(task: 0, inputs: inputs)
                    }
                    #expect(error.flatMap { Bench.Answer.failure($0).ending }?.reason == .stageFailed)
                }
            }
        }
        #expect(outcome.summary.jobs.completed == 2 && outcome.summary.jobs.failed == 1)
    }

    @Test("jobs that nobody submits run on seeded strings, which read as numbers")
    func seeded() async throws {
        let workshop = workshop
        let bench = try await bench(SmallModels.numbers, batch: 4)
        let afet = await onThread {
            Result { try LoadProfiler(device: bench.device, stageCounts: [1], seed: 1).afet(of: 0) }
        }
        #expect(try afet.get().count == 1 && afet.get()[0] > .zero)
        await onThread { bench.device.shutDown() }

        let input = InputShapes.Input(name: "x", elementType: .string, shape: [64])
        func strings(seed: UInt64, isSparse: Bool = false) throws -> [String] {
            let tensors = try InputShapes.randomTensors(
                [input], library: workshop.environment.library, seed: seed, isSparse: isSparse)
            let bytes = try #require(try tensors["x"]?.encodedStrings())
            return try #require(EncodedStrings.decode(bytes)).map { String(decoding: $0, as: UTF8.self) }
        }
        let some = try strings(seed: 1)
        #expect(Set(some) == ["0", "1"])
        #expect(try strings(seed: 1) == some && strings(seed: 2) != some)
        let sparse = try strings(seed: 1, isSparse: true)
        #expect(stride(from: 0, to: 64, by: 2).allSatisfy { sparse[$0] == "0" } && sparse.contains("1"))
    }

    @Test("a GPU is not given strings, and says what would do")
    func elsewhere() async throws {
        let workshop = workshop
        let models = try await onThread {
            [
                try workshop.cut(SmallModels.text, name: "in", stages: 1),
                try workshop.cut(SmallModels.throughText, name: "between", stages: 3),
            ]
        }
        func refusal(_ make: @escaping @Sendable () throws -> Void) async -> String {
            await onThread {
                do {
                    try make()
                    return "nothing was wrong"
                } catch {
                    return "\(error)"
                }
            }
        }
        let tasks = [DeviceTask(model: 0, batch: 1)]
        let advice = "use 'device: cpu'"
        let gpu = try FakeDriver(multiprocessors: 132)
        let whichGPU = "which cannot be given to a GPU"
        for (model, tensor) in zip(models, ["x", "t"]) {
            let text = await refusal { _ = try GPUBench(workshop, [model], gpu: gpu, tasks: tasks) }
            #expect(text == "model '\(model.name)': its tensor '\(tensor)' holds strings, \(whichGPU); \(advice)")
        }
        #expect(await gpu.isClean())
    }

    private func workers(_ model: ONNXModel, stages: Int, batch: Int = 1) async throws -> WorkerBench {
        let workshop = workshop
        return try await onThread {
            try WorkerBench(
                workshop, [try workshop.cut(model, stages: stages)], tasks: [.init(model: 0, batch: batch)], contexts: 1
            )
        }
    }

    @Test("worker processes carry strings between stages", arguments: [1, 3])
    func betweenStages(stages: Int) async throws {
        try await workers(SmallModels.throughText, stages: stages).run { executor in
            let outputs = try await executor.submit(task: 0, inputs: [bytes([-1, 0.25, 7] as [Float])])
            #expect(floats(outputs[0]) == [0, 0.25, 7])
        }
    }

    @Test("strings of any content go to worker processes and come back, job after job", arguments: [1, 3])
    func workers(stages: Int) async throws {
        let names = Self.awkward + [Array("alice".utf8), Array("bob".utf8)]
        try await workers(SmallModels.concats, stages: stages).run { executor in
            for (index, a) in names.enumerated() {
                let b = names[(index + 3) % names.count]
                let answer = try await executor.submit(
                    task: 0, inputs: [[a, b, []], [b, a, a]].map { EncodedStrings.encode($0) })
                #expect(EncodedStrings.decode(answer[0]) == [a + b + b + a, b + a + a + b, a + a])
                #expect(EncodedStrings.decode(answer[1]) == [a + b + b, b + a + a, a + a])
            }
        }
    }

    @Test("strings larger than a worker's memory for them are refused, and fail one job as an answer")
    func workerLimit() async throws {
        let bench = try await workers(SmallModels.concats, stages: 1)
        #expect(bench.device.tensorSizes(of: 0).inputs[0] == .strings(count: 3, limit: WorkerLimits.stringBytes))
        func strings(_ count: Int) -> [UInt8] {
            EncodedStrings.encode([[UInt8](repeating: 7, count: count), [], []])
        }
        let outcome = try await bench.run { executor in
            let refused = await #expect(throws: SubmissionError.self) {
                try await executor.submit(task: 0, inputs: [strings(WorkerLimits.stringBytes), strings(1)])
            }
            #expect("\(refused!)".contains("bytes of strings; 1048576 are the most under 'isolation: process'"))
            let tooLarge = await #expect(throws: SubmissionError.self) {
                try await executor.submit(task: 0, inputs: [strings(400_000), strings(400_000)])
            }
            let message = tooLarge.flatMap { Bench.Answer.failure($0).ending }?.message ?? ""
            #expect(message.contains("its output 'z' has 1600012 bytes of strings; 1048576 are the most"), "\(message)")
            let answer = try await executor.submit(task: 0, inputs: [strings(2), strings(1)])
            #expect(answer[1] == strings(4))
        }
        #expect(outcome.summary.jobs.completed == 1 && outcome.summary.jobs.failed == 1)
    }

    @Test("what a worker writes in place of strings is checked")
    func sharedStrings() {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 24, alignment: 8)
        defer { memory.deallocate() }
        let shared = SharedStrings(memory: memory)
        #expect(shared.capacity == 16)
        #expect(shared.write([1, 2, 3]) && shared.read() == [1, 2, 3])
        #expect(!shared.write([UInt8](repeating: 0, count: 17)) && shared.read() == [])
        for length in [17, UInt64.max] {
            memory.storeBytes(of: length, as: UInt64.self)
            #expect(shared.read() == nil)
        }
    }
}

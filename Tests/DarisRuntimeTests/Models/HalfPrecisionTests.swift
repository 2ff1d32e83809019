import CUDADriver
import DarisConfiguration
import DarisCore
import DarisONNX
import FakeDriver
import Foundation
import ONNXRuntime
import Testing

@testable import DarisRuntime

@Suite("Models in half precision", .timeLimit(.minutes(15)))
struct HalfPrecisionTests {
    private let workshop: Workshop

    init() throws { workshop = try Workshop() }

    private func staged(
        _ model: ONNXModel, stages: Int = 1, steps: Steps = Steps()
    ) async throws -> StagedModel {
        let declaration = try workshop.declare(model, name: "net")
        let store = ModelStore(
            environment: workshop.environment, cache: CacheFolder(path: workshop.cachePath), threads: 1, isHalf: true)
        return try await onThread { try store.staged(declaration, goal: .count(stages), progress: steps.note) }
    }

    @Test("cut and replayed on a GPU, a converted model agrees with the original to 1 %", arguments: [1, 3])
    func agrees(stages: Int) async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        let original = SmallModels.products(scale: 0.1)
        let model = try await staged(original, stages: stages)
        #expect(model.stages.count == stages)
        #expect(model.notes.contains { $0.contains("runs in half precision (3 of 3 nodes)") }, "\(model.notes)")
        let values = randomFloats(4, seed: 7)
        let expected = try workshop.unstaged(original, ["x": (values, [1, 4])])[0]
        do {
            let workshop = workshop
            let bench = try await onThread { try GPUBench(workshop, [model], gpu: gpu) }
            // Inputs and outputs are float32 as before.
            let sizes = bench.device.tensorSizes(of: 0)
            #expect(sizes.inputs == [.bytes(16)] && sizes.outputs == [.bytes(16)])
            _ = try await bench.run { executor in
                let found = floats(try await executor.submit(task: 0, inputs: [bytes(values)])[0])
                #expect(relativeDifference(found, expected) < 0.01)
                // It was computed in half precision, and not as before.
                #expect(found != expected)
            }
        }
        #expect(await gpu.isClean())
    }

    @Test("a built-in network agrees with the original to 1 % on the CPU, stored and rounded")
    func network() async throws {
        let workshop = workshop
        let (stored, figure) = try await onThread {
            let original = ReferenceNetwork.resnet18.build(seed: 1)
            let inputs = ["input": (values: randomFloats(3 * 224 * 224, seed: 3), shape: [1, 3, 224, 224])]
            let expected = try workshop.unstaged(original, inputs)[0]
            let found = try workshop.unstaged(try HalfPrecision(of: original).model, inputs)[0]
            let check = HalfPrecisionCheck(environment: workshop.environment, threads: 1, dimensions: [:])
            return (relativeDifference(found, expected), try check.largestDifference(of: original, name: "resnet18"))
        }
        #expect(stored < 0.01 && stored > 0)
        #expect(figure.output == "output" && figure.difference < 0.01 && figure.difference > 0)
    }

    @Test("a model whose values pass float16's range is refused, with its name, output, figure and what to do")
    func refused() async throws {
        let error = try #require(
            await #expect(throws: PreparationError.self) { try await staged(SmallModels.growing) })
        for part in ["model 'net'", "output 'y'", "more than a hundredfold", "1 %", "precision: tf32"] {
            #expect(error.description.contains(part), "\(error.description)")
        }
    }

    @Test("the comparison is made once and kept; a refused model is refused again")
    func kept() async throws {
        for model in [SmallModels.products(scale: 0.1), SmallModels.growing] {
            let (first, second) = (Steps(), Steps())
            let outcome = try? await staged(model, steps: first)
            let again = try? await staged(model, steps: second)
            #expect(outcome?.stages == again?.stages)
            #expect(first.all.contains { $0.hasPrefix("comparing net") })
            #expect(!second.all.contains { $0.hasPrefix("comparing net") })
        }
    }

    @Test("a model in half precision and the original do not share a cut")
    func ownCut() async throws {
        let model = SmallModels.products(scale: 0.1)
        let half = try await staged(model)
        let workshop = workshop
        let float = try await onThread { try workshop.cut(model, name: "net", stages: 1) }
        #expect(half.stages[0].path != float.stages[0].path && half.hash != float.hash)
        #expect(half.fileBytes != float.fileBytes)
    }

    @Test("a quantised model, and one of light nodes alone, run as they are, which is said")
    func unchanged() async throws {
        let quantised = try await staged(SmallModels.quantised)
        #expect(quantised.notes.contains { $0.contains("is quantised (QuantizeLinear) and runs as it is") })
        let light = try await staged(SmallModels.chain)
        #expect(light.notes.contains { $0.contains("none of its nodes is worth half precision") })
    }

    @Test("differences are shares of the largest number, or of the elements that are not the same")
    func figures() throws {
        let library = workshop.environment.library
        func difference<Element: TensorElement>(_ found: [Element], _ expected: [Element]) throws -> Double {
            try HalfPrecisionCheck.difference(
                try Tensor(library: library, found, shape: [found.count]),
                try Tensor(library: library, expected, shape: [expected.count]))
        }
        #expect(try difference([1, 2, -9.5] as [Float], [1, 2, -10]) == 0.05)
        #expect(try difference([1, 2, 3, 4] as [Int64], [1, 2, 3, 5]) == 0.25)
        #expect(try difference([.nan, .infinity, 1] as [Float], [.nan, .infinity, 1]) == 0)
        #expect(try difference([0, 0] as [Float], [0, 0]) == 0)
        for (found, expected) in [([1, .nan], [1, 2]), ([.infinity], [1]), ([1], [1, 2])] as [([Float], [Float])] {
            #expect(try difference(found, expected) > 1e9)
        }
    }

    @Test(
        "a CPU refuses what only a GPU does",
        arguments: [
            (GPUOptions(precision: .fp16), "precision fp16"), (GPUOptions(layout: .nhwc), "layout nhwc"),
            (GPUOptions(engine: .tensorrt), "engine tensorrt"),
        ])
    func onCPU(options: GPUOptions, asked: String) throws {
        func check(_ options: GPUOptions) throws {
            let set = TaskSet(source: "test", gpu: options, models: [], tasks: [])
            try CPUDevice.check(set, environment: workshop.environment)
        }
        let error = try #require(throws: PreparationError.self) { try check(options) }
        #expect(error.description.contains(asked) && error.description.contains("use 'device: cuda'"))
        try check(GPUOptions(precision: .fp32, graphs: false))
    }
}

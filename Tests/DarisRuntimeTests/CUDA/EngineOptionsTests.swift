import CUDADriver
import DarisConfiguration
import DarisCore
import DarisONNX
import FakeDriver
import Foundation
import ONNXRuntime
import Synchronization
import Testing

@testable import DarisRuntime

@Suite("Engines of a GPU", .timeLimit(.minutes(15)))
struct EngineOptionsTests {
    private let workshop: Workshop

    init() throws { workshop = try Workshop() }

    private func session(_ options: GPUOptions, engines: EngineFolder? = nil) -> SessionOptions {
        var session = SessionOptions()
        options.apply(
            to: &session, gpu: 3, stream: UnsafeMutableRawPointer(bitPattern: 64), engines: engines)
        return session
    }

    @Test("by default the CUDA provider may round to TF32, and nothing is compiled")
    func defaults() throws {
        let session = session(GPUOptions())
        let cuda = try #require(session.cuda)
        #expect(
            cuda.options == [
                "device_id": "3", "use_tf32": "1", "prefer_nhwc": "0", "cudnn_conv_algo_search": "HEURISTIC",
                "arena_extend_strategy": "kSameAsRequested",
            ])
        #expect(cuda.stream == UnsafeMutableRawPointer(bitPattern: 64))
        #expect(session.tensorRT == nil)
    }

    @Test("precision and layout reach the CUDA provider")
    func cuda() {
        #expect(session(GPUOptions(precision: .fp32)).cuda?.options["use_tf32"] == "0")
        #expect(session(GPUOptions(precision: .fp16)).cuda?.options["use_tf32"] == "1")
        #expect(session(GPUOptions(layout: .nhwc)).cuda?.options["prefer_nhwc"] == "1")
    }

    @Test("TensorRT keeps what it compiles in Daris's cache, captures nothing itself, and works on the lane's stream")
    func tensorRT() throws {
        let folder = EngineFolder(path: "/cache/tensorrt/a", timings: "/cache/tensorrt/timings")
        for (precision, fp16) in [(GPUOptions.Precision.tf32, "0"), (.fp16, "1")] {
            let session = session(GPUOptions(precision: precision, engine: .tensorrt), engines: folder)
            let provider = try #require(session.tensorRT)
            #expect(
                provider.options == [
                    "device_id": "3", "trt_fp16_enable": fp16, "trt_layer_norm_fp32_fallback": fp16,
                    "trt_cuda_graph_enable": "0", "trt_engine_cache_enable": "1",
                    "trt_engine_cache_path": "/cache/tensorrt/a", "trt_timing_cache_enable": "1",
                    "trt_timing_cache_path": "/cache/tensorrt/timings",
                ])
            #expect(provider.stream == UnsafeMutableRawPointer(bitPattern: 64))
            // What TensorRT leaves runs on the same GPU and stream.
            #expect(session.cuda?.options["device_id"] == "3" && session.cuda?.stream == provider.stream)
        }
    }

    @Test(
        "an engine that compiles for a shape loads each stage once a lane and batch size, others once a lane",
        arguments: [true, false])
    func loads(forEachBatch: Bool) async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        let workshop = workshop
        do {
            let engine = HostEngine(workshop.environment, loadsForEachBatch: forEachBatch)
            let bench = try await onThread {
                let model = try workshop.cut(SmallModels.chain, stages: 2)
                return try GPUBench(
                    workshop, [model], gpu: gpu, tasks: Array(repeating: DeviceTask(model: 0, batch: 1), count: 4),
                    engine: engine, batching: 4)
            }
            #expect(bench.device.batchSizes(of: 0) == [2, 4])
            // Two lanes, two stages, and batches of 1, 2 and 4.
            #expect(engine.loaded.count.load(ordering: .relaxed) == 2 * 2 * (forEachBatch ? 3 : 1))
            _ = try await bench.run { executor in try await checkChain(executor) }
        }
        #expect(await gpu.isClean())
    }

    @Test("a stage for TensorRT has the shapes of its batch size as its own")
    func fixedShapes() throws {
        let fixed = SmallModels.anyLength.withInputShapes(["x": [8, 3]])
        let session = try Session(
            environment: workshop.environment, model: .bytes(try fixed.serialized(), name: "fixed"))
        #expect(session.inputs[0].type.dimensions == [.fixed(8), .fixed(3)])
        #expect(session.outputs[0].type.dimensions == [.fixed(8), .fixed(3)])
    }

    @Test("options that do not go together are refused by the engine too, before anything is loaded")
    func conflicts() throws {
        let cache = CacheFolder(path: workshop.cachePath)
        let error = try #require(throws: PreparationError.self) {
            try ONNXRuntimeEngine(
                environment: workshop.environment, gpu: 0,
                options: GPUOptions(precision: .fp32, engine: .tensorrt), cache: cache)
        }
        #expect(error.description.contains("use tf32 or fp16"))
    }

    @Test("a folder for compiled stages is this user's alone, and is made anew where everything is")
    func folder() throws {
        let cache = CacheFolder(path: workshop.cachePath)
        let path = try cache.workFolder("tensorrt/abc")
        #expect(path == workshop.cachePath + "/tensorrt/abc")
        try "engine".write(toFile: path + "/a.engine", atomically: false, encoding: .utf8)
        #expect(try cache.workFolder("tensorrt/abc") == path)
        cache.removeIfFresh("tensorrt")
        #expect(files(in: path) == ["a.engine"])
        CacheFolder(path: workshop.cachePath, isFresh: true).removeIfFresh("tensorrt")
        #expect(files(in: path) == nil)
        _ = try cache.workFolder("tensorrt/abc")
        chmod(path, 0o777)
        #expect(throws: PreparationError.self) { try cache.workFolder("tensorrt/abc") }
    }

    private func files(in path: String) -> [String]? { try? FileManager.default.contentsOfDirectory(atPath: path) }
}

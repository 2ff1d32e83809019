import DarisConfiguration
import ONNXRuntime

/// The options of ONNX Runtime's providers for stages on a GPU.
extension GPUOptions {
    /// The providers of a session, with its lane's stream.
    ///
    /// - Parameters:
    ///   - gpu: The GPU's number.
    ///   - engines: The folder for what TensorRT compiles of this stage; heeded by `engine: tensorrt` alone.
    func apply(
        to session: inout SessionOptions, gpu: Int, stream: UnsafeMutableRawPointer?, engines: EngineFolder?
    ) {
        session.cuda = CUDAProvider(options: cudaProviderOptions(gpu: gpu), stream: stream)
        guard engine == .tensorrt else { return }
        session.tensorRT = TensorRTProvider(
            options: tensorRTProviderOptions(gpu: gpu, engines: engines), stream: stream)
    }

    private func cudaProviderOptions(gpu: Int) -> [String: String] {
        [
            "device_id": "\(gpu)",
            "use_tf32": precision == .fp32 ? "0" : "1",
            "prefer_nhwc": layout == .nhwc ? "1" : "0",
            // The exhaustive search takes seconds a convolution; the heuristic is as good for what is measured later.
            "cudnn_conv_algo_search": "HEURISTIC",
            // A power of two more than was asked for would be lost many times over.
            "arena_extend_strategy": "kSameAsRequested",
        ]
    }

    private func tensorRTProviderOptions(gpu: Int, engines: EngineFolder?) -> [String: String] {
        var options = [
            "device_id": "\(gpu)",
            "trt_fp16_enable": precision == .fp16 ? "1" : "0",
            // The mean and variance of a normalisation pass the range of float16.
            "trt_layer_norm_fp32_fallback": precision == .fp16 ? "1" : "0",
            // Daris captures stages itself, and may launch a stage call by call.
            "trt_cuda_graph_enable": "0",
        ]
        if let engines {
            options["trt_engine_cache_enable"] = "1"
            options["trt_engine_cache_path"] = engines.path
            options["trt_timing_cache_enable"] = "1"
            options["trt_timing_cache_path"] = engines.timings
        }
        return options
    }
}

/// Where TensorRT keeps what it has compiled, so that the next lane and the next start find it.
struct EngineFolder: Hashable, Sendable {
    /// The folder of all of them in the cache.
    static let entry = "tensorrt"

    /// The folder of one stage at one batch size: ONNX Runtime names its files by the names of nodes alone, so that stages of
    /// different weights or shapes would take each other's.
    var path: String
    /// The folder of measured kernels, which all stages share.
    var timings: String
}

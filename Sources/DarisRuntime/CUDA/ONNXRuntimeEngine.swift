import CUDADriver
import DarisConfiguration
import Foundation
import ONNXRuntime

/// ONNX Runtime's CUDA provider, one session a stage and lane, so that each session has its lane's stream and memory of
/// its own: what lanes do at the same time must not share buffers.
struct ONNXRuntimeEngine: StageEngine {
    let environment: Environment
    let gpu: Int
    let options: GPUOptions
    let memory: MemoryInfo
    let runOptions: RunOptions
    var replaysHostFunctions: Bool { false }

    /// An engine for the GPU with this number.
    init(environment: Environment, gpu: Int, options: GPUOptions) throws(PreparationError) {
        guard environment.library.providers.contains("CUDAExecutionProvider") else {
            throw .device(
                name: "cuda:\(gpu)",
                reason:
                    "ONNX Runtime at \(environment.library.path) was built without CUDA; fetch the build that has it "
                    + "with 'Scripts/fetch-onnxruntime --gpu'")
        }
        self.environment = environment
        self.gpu = gpu
        self.options = options
        do {
            memory = try MemoryInfo(library: environment.library, place: .cuda(device: gpu))
            runOptions = try RunOptions(
                library: environment.library, configEntries: ["disable_synchronize_execution_providers": "1"])
        } catch {
            throw .noRuntime(error)
        }
    }

    /// Loads ONNX Runtime's CUDA provider, to see whether what it needs is there.
    func loadProvider() throws(PreparationError) {
        do {
            try CUDAProvider.load(library: environment.library)
        } catch {
            // Its own words begin with a path in somebody's source; what the loader said comes last.
            let words = error.description
            let loader = words.range(of: "with error: ", options: .backwards).map { String(words[$0.upperBound...]) }
            throw .device(
                name: "cuda:\(gpu)",
                reason: "ONNX Runtime's CUDA provider cannot be loaded: \(loader ?? words); it needs CUDA 13's cuBLAS, "
                    + "cuRAND, cuFFT and runtime and cuDNN 9 where the loader finds them (LD_LIBRARY_PATH), as any CUDA 13 "
                    + "build of PyTorch brings them")
        }
    }

    func load(
        _ stage: StagedModel.Stage, of model: StagedModel, on stream: CUDAStream
    ) throws(PreparationError) -> any LoadedStage {
        var session = SessionOptions()
        session.freeDimensionOverrides = model.dimensions
        session.cuda = CUDAProvider(
            options: [
                "device_id": "\(gpu)",
                "use_tf32": options.tf32 ? "1" : "0",
                "prefer_nhwc": options.nhwc ? "1" : "0",
                // The exhaustive search takes seconds a convolution; the heuristic is as good for what is measured later.
                "cudnn_conv_algo_search": "HEURISTIC",
                // A power of two more than was asked for would be lost many times over.
                "arena_extend_strategy": "kSameAsRequested",
            ], stream: stream.rawValue)
        let (environment, options) = (environment, session)
        let loaded = try runtime(model.name) { () throws(ONNXRuntimeError) in
            try Session(environment: environment, model: .file(stage.path), options: options)
        }
        return Loaded(session: loaded, model: model.name, memory: memory, runOptions: runOptions, stream: stream)
    }

    private struct Loaded: LoadedStage {
        let session: Session
        let model: String
        let memory: MemoryInfo
        let runOptions: RunOptions
        /// The session's work goes there.
        let stream: CUDAStream

        func bind(_ layout: TensorLayout.Stage, address: UnsafeMutableRawPointer) throws(PreparationError)
            -> any StageWork
        {
            let work = try runtime(model) { () throws(ONNXRuntimeError) in
                let binding = try IOBinding(session: session)
                let known = Set(session.inputs.map(\.name))
                for slot in layout.inputs where known.contains(slot.name) {
                    try binding.bind(try tensor(slot, address), toInput: slot.name)
                }
                for slot in layout.outputs { try binding.bind(try tensor(slot, address), toOutput: slot.name) }
                return Work(binding: binding, runOptions: runOptions)
            }
            return work
        }

        private func tensor(_ slot: TensorLayout.Slot, _ address: UnsafeMutableRawPointer) throws(ONNXRuntimeError)
            -> Tensor
        {
            let jobs = slot.shape.reduce(slot.elementType.byteSize ?? 0, *)
            return try Tensor(
                elementType: slot.elementType, shape: slot.shape,
                over: UnsafeMutableRawBufferPointer(
                    start: address + slot.offset, count: jobs),
                in: memory)
        }
    }

    private struct Work: StageWork {
        let binding: IOBinding
        let runOptions: RunOptions

        func enqueue() throws(DeviceError) {
            do {
                try binding.session.run(binding: binding, options: runOptions)
            } catch {
                throw DeviceError(error.description)
            }
        }
    }
}

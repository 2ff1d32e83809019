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
    var hostFunctions: HostFunctions { .releases }

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

    /// Finds out whether ONNX Runtime's CUDA provider can work here, before it is loaded.
    func check(driver: CUDAVersion) throws(PreparationError) {
        guard let needs = CUDAProviderNeeds(of: environment.library) else {
            throw .device(
                name: "cuda:\(gpu)",
                reason:
                    "beside ONNX Runtime at \(environment.library.path) there is no libonnxruntime_providers_cuda.so "
                    + "that tells its CUDA; fetch both with 'Scripts/fetch-onnxruntime --gpu'")
        }
        if let problem = needs.problem(driver: driver) { throw .device(name: "cuda:\(gpu)", reason: problem) }
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
                return Work(binding: binding, runOptions: runOptions, stream: stream)
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
        /// Released after the session, which still uses it then.
        let stream: CUDAStream

        func enqueue() throws(DeviceError) {
            do {
                try binding.session.run(binding: binding, options: runOptions)
            } catch {
                throw DeviceError(error.description)
            }
        }
    }
}

extension CUDAProviderNeeds {
    /// Why the provider cannot work on this machine, with what would be right, or `nil` if it can.
    ///
    /// - Parameter driver: the CUDA of the driver.
    package func problem(driver: CUDAVersion) -> String? {
        guard driver.major >= majorVersion else {
            return
                "ONNX Runtime's CUDA provider was built for CUDA \(majorVersion), and the driver is of CUDA \(driver); "
                + "update the NVIDIA driver" + (majorVersion == 13 ? " to 580 or later" : "")
        }
        return missingLibrary().map {
            "ONNX Runtime's CUDA provider cannot be loaded: \($0); it needs \(libraries.joined(separator: ", ")) where the "
                + "loader finds them (LD_LIBRARY_PATH), as any CUDA \(majorVersion) build of PyTorch brings them"
        }
    }
}

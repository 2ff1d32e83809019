import CDarisSystem
import CUDADriver
import DarisConfiguration
import DarisONNX
import Foundation
import ONNXRuntime

/// ONNX Runtime's CUDA or TensorRT provider, one session a stage and lane, so that each session has its lane's stream and
/// memory of its own: what lanes do at the same time must not share buffers.
///
/// With TensorRT it is one session a stage, lane and batch size, whose inputs have fixed shapes. A captured graph works in the
/// state of one execution context, which another shape would change.
struct ONNXRuntimeEngine: StageEngine {
    let environment: Environment
    let gpu: Int
    let options: GPUOptions
    /// Where TensorRT keeps what it has compiled.
    let cache: CacheFolder
    let memory: MemoryInfo
    let runOptions: RunOptions
    var hostFunctions: HostFunctions { .releases }
    var loadsForEachBatch: Bool { options.engine == .tensorrt }

    /// An engine for the GPU with this number.
    init(
        environment: Environment, gpu: Int, options: GPUOptions, cache: CacheFolder
    ) throws(PreparationError) {
        if let conflict = options.conflict { throw .device(name: "cuda:\(gpu)", reason: conflict) }
        guard environment.library.providers.contains("CUDAExecutionProvider") else {
            throw .device(
                name: "cuda:\(gpu)",
                reason:
                    "ONNX Runtime at \(environment.library.path) was built without CUDA; fetch the build that has it "
                    + "with 'Scripts/fetch-onnxruntime --gpu'")
        }
        guard options.engine == .cuda || environment.library.providers.contains("TensorrtExecutionProvider") else {
            throw .device(
                name: "cuda:\(gpu)",
                reason:
                    "ONNX Runtime at \(environment.library.path) was built without TensorRT; fetch the build that has it "
                    + "with 'Scripts/fetch-onnxruntime --gpu', or use 'engine: cuda'")
        }
        self.environment = environment
        self.gpu = gpu
        self.options = options
        self.cache = cache
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
        guard options.engine == .tensorrt else { return }
        guard let needs = TensorRTProviderNeeds(of: environment.library) else {
            throw .device(
                name: "cuda:\(gpu)",
                reason:
                    "beside ONNX Runtime at \(environment.library.path) there is no libonnxruntime_providers_tensorrt.so "
                    + "that tells its TensorRT; fetch both with 'Scripts/fetch-onnxruntime --gpu', or use 'engine: cuda'"
            )
        }
        if let problem = needs.problem { throw .device(name: "cuda:\(gpu)", reason: problem) }
    }

    func load(
        _ stage: StagedModel.Stage, of model: StagedModel, layout: TensorLayout.Stage, on stream: CUDAStream
    ) throws(PreparationError) -> any LoadedStage {
        let file = try source(stage, of: model, layout: layout)
        let engines = try engines(stage, of: model, layout: layout)
        var session = SessionOptions()
        session.freeDimensionOverrides = model.dimensions
        options.apply(to: &session, gpu: gpu, stream: stream.rawValue, engines: engines)
        // One process compiles a stage, and others wait to read what it has written.
        let lock = engines.map { daris_lock_file($0.path + "/.lock") }
        defer { if let lock { daris_unlock_file(lock) } }
        let (environment, options) = (environment, session)
        let loaded = try runtime(model.name) { () throws(ONNXRuntimeError) in
            try Session(environment: environment, model: file, options: options)
        }
        return Loaded(session: loaded, model: model.name, memory: memory, runOptions: runOptions, stream: stream)
    }

    /// The model of a stage: its file, or for TensorRT what is in it with fixed shapes.
    private func source(
        _ stage: StagedModel.Stage, of model: StagedModel, layout: TensorLayout.Stage
    ) throws(PreparationError) -> ModelSource {
        guard loadsForEachBatch else { return .file(stage.path) }
        let bytes = try onnx(model.name) { () throws(ONNXError) in
            let shapes = Dictionary(layout.inputs.map { ($0.name, $0.shape) }) { first, _ in first }
            return try ONNXModel.read(path: stage.path).withInputShapes(shapes).serialized()
        }
        return .bytes(bytes, name: stage.path)
    }

    /// The folder for what TensorRT compiles of a stage; `nil` for other engines.
    private func engines(
        _ stage: StagedModel.Stage, of model: StagedModel, layout: TensorLayout.Stage
    ) throws(PreparationError) -> EngineFolder? {
        guard loadsForEachBatch else { return nil }
        // The path names the content: the model's fingerprint and the cut.
        let key = ContentHash.of(
            model.hash, stage.path, "\(layout.inputs.map { "\($0.name) \($0.shape)" })", options.precision.rawValue,
            environment.library.version)
        return EngineFolder(
            path: try cache.workFolder("\(EngineFolder.entry)/\(key)"),
            timings: try cache.workFolder("\(EngineFolder.entry)/timings"))
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

extension TensorRTProviderNeeds {
    /// Why the provider cannot be loaded on this machine, with what would be right, or `nil` if it can.
    package var problem: String? {
        missingLibrary().map {
            "ONNX Runtime's TensorRT provider cannot be loaded: \($0); it needs \(libraries.joined(separator: ", ")) where "
                + "the loader finds them (LD_LIBRARY_PATH), as the Python packages of TensorRT \(majorVersion) bring them "
                + "(docs/gpu.md); or use 'engine: cuda'"
        }
    }
}

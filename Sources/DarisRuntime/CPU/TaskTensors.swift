import ONNXRuntime

/// The tensors of one instance of a task, allocated once, and the bindings of its stages to them. It has at most one job in
/// flight, so its jobs can share them.
final class TaskTensors: Sendable {
    private let inputs: [Tensor]
    private let outputs: [Tensor]
    /// By stage, then by context.
    private let bindings: [[IOBinding]]
    let sizes: (inputs: [TensorSize], outputs: [TensorSize])
    /// Where another process puts the strings of inputs, and looks for those of outputs.
    private let sharedInputs: [(tensor: Tensor, strings: SharedStrings)]
    private let sharedOutputs: [(name: String, tensor: Tensor, strings: SharedStrings)]

    /// Allocates the tensors, fills the inputs with seeded random numbers, binds every stage for every context, and runs
    /// each stage once.
    ///
    /// - Parameters:
    ///   - places: memory for some of the tensors, by name; its owner keeps it as long as the tensors.
    ///   - warmsUp: whether to run the stages.
    init(
        _ model: StagedModel, shapes: TensorShapes, sessions: [[Session]], seed: UInt64,
        places: [String: UnsafeMutableRawBufferPointer] = [:], warmsUp: Bool = true
    ) throws(ONNXRuntimeError) {
        let library = sessions[0][0].environment.library
        var tensors = try InputShapes.randomTensors(shapes.inputs, library: library, seed: seed)
        for (name, type) in shapes.made {
            if let place = places[name], type.elementType != .string {
                tensors[name] = try Tensor(
                    elementType: type.elementType, shape: type.shape, over: place, in: library.hostMemory)
            } else {
                tensors[name] = try Tensor(library: library, elementType: type.elementType, shape: type.shape)
            }
        }
        for input in shapes.inputs {
            guard let place = places[input.name], let random = tensors[input.name] else { continue }
            if input.elementType == .string {
                SharedStrings(memory: place).write(try random.encodedStrings())
                continue
            }
            random.withUnsafeBytes { place.copyMemory(from: $0) }
            tensors[input.name] = try Tensor(
                elementType: input.elementType, shape: input.shape, over: place, in: library.hostMemory)
        }
        var bindings: [[IOBinding]] = []
        for (stage, contexts) in zip(model.stages, sessions) {
            var bySession: [ObjectIdentifier: IOBinding] = [:]
            var row: [IOBinding] = []
            for session in contexts {
                let key = ObjectIdentifier(session)
                if bySession[key] == nil {
                    let binding = try Self.bind(stage, session, tensors)
                    if warmsUp { try session.run(binding: binding) }
                    bySession[key] = binding
                }
                row.append(bySession[key]!)
            }
            bindings.append(row)
        }
        self.bindings = bindings
        func shared(_ names: [String]) -> [(name: String, tensor: Tensor, strings: SharedStrings)] {
            names.compactMap { name in
                guard let tensor = tensors[name], tensor.elementType == .string, let place = places[name] else {
                    return nil
                }
                return (name, tensor, SharedStrings(memory: place))
            }
        }
        sharedInputs = shared(model.inputs).map { ($0.tensor, $0.strings) }
        sharedOutputs = shared(model.outputs)
        inputs = model.inputs.compactMap { tensors[$0] }
        outputs = model.outputs.compactMap { tensors[$0] }
        sizes = (inputs.map(TensorSize.init), outputs.map(TensorSize.init))
    }

    private static func bind(
        _ stage: StagedModel.Stage, _ session: Session, _ tensors: [String: Tensor]
    ) throws(ONNXRuntimeError) -> IOBinding {
        let binding = try IOBinding(session: session)
        for input in session.inputs {
            if let tensor = tensors[input.name] { try binding.bind(tensor, toInput: input.name) }
        }
        for name in stage.outputs {
            if let tensor = tensors[name] { try binding.bind(tensor, toOutput: name) }
        }
        return binding
    }

    /// Runs a stage on the calling thread: copies a job's inputs in before the first and its outputs out after the last.
    /// Only strings are allocated on the way.
    func run(stage: Int, context: Int, io: JobTensors?, options: RunOptions) -> DeviceError? {
        let binding = bindings[stage][context]
        do throws(ONNXRuntimeError) {
            if stage == 0 {
                if let io { try copyIn(io) }
                for (tensor, strings) in sharedInputs { try tensor.setStrings(strings.read() ?? []) }
            }
            try binding.session.run(binding: binding, options: options)
            if stage == bindings.count - 1 {
                if let io { try copyOut(io) }
                for (name, tensor, strings) in sharedOutputs {
                    let bytes = try tensor.encodedStrings()
                    guard strings.write(bytes) else {
                        return DeviceError(
                            "its output '\(name)' has \(bytes.count) bytes of strings; \(strings.capacity) are the most "
                                + "under 'isolation: process'")
                    }
                }
            }
        } catch {
            return DeviceError(error.description)
        }
        return nil
    }

    private func copyIn(_ io: JobTensors) throws(ONNXRuntimeError) {
        for (index, tensor) in inputs.enumerated() where index < io.inputs.count {
            if tensor.elementType == .string {
                try tensor.setStrings(io.inputs[index])
            } else {
                tensor.withUnsafeMutableBytes { io.copyInput(index, to: $0) }
            }
        }
    }

    private func copyOut(_ io: JobTensors) throws(ONNXRuntimeError) {
        for (index, tensor) in outputs.enumerated() {
            if tensor.elementType == .string {
                io.outputs[index] = try tensor.encodedStrings()
            } else {
                tensor.withUnsafeBytes { io.copyOutput(index, from: $0) }
            }
        }
    }
}

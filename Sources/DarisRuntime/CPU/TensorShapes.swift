import ONNXRuntime

/// Type and shape of every tensor that goes into, between and out of the stages of a model at one batch size.
struct TensorShapes: Hashable, Sendable, Codable {
    /// The model's inputs, in the order of its graph.
    var inputs: [InputShapes.Input]
    /// What the stages make, by name.
    var made: [String: InputShapes.Input]

    /// Finds the shapes by running the stages twice, on different numbers, of which the second has many zeros.
    ///
    /// - Throws: if a shape depends on the numbers, since tensors are allocated once.
    static func discover(_ model: StagedModel, stages: [Session], batch: Int) throws(PreparationError) -> TensorShapes {
        var open: [ValueInfo] = []
        for name in model.inputs {
            for session in stages {
                if let input = session.inputs.first(where: { $0.name == name }) {
                    open.append(input)
                    break
                }
            }
        }
        let inputs = try InputShapes.resolve(open, model: model.name, batch: batch, dimensions: model.dimensions)
        let first = try run(model, stages: stages, inputs: inputs, seed: 1, isSparse: false)
        let second = try run(model, stages: stages, inputs: inputs, seed: 2, isSparse: true)
        for (name, tensor) in first where second[name] != tensor {
            throw .unsupported(
                name: model.name,
                reason: "the shape of its tensor '\(name)' depends on the input's values (\(tensor.shape), then "
                    + "\(second[name]?.shape ?? [])); Daris needs shapes that are fixed once the batch is known")
        }
        return TensorShapes(inputs: inputs, made: first)
    }

    private static func run(
        _ model: StagedModel, stages: [Session], inputs: [InputShapes.Input], seed: UInt64, isSparse: Bool
    ) throws(PreparationError) -> [String: InputShapes.Input] {
        try runtime(model.name) { () throws(ONNXRuntimeError) in
            guard let library = stages.first?.environment.library else { return [:] }
            var tensors = try InputShapes.randomTensors(inputs, library: library, seed: seed, isSparse: isSparse)
            var made: [String: InputShapes.Input] = [:]
            for (session, stage) in zip(stages, model.stages) {
                let given = tensors.filter { entry in stage.inputs.contains(entry.key) }
                for (name, tensor) in zip(stage.outputs, try session.run(inputs: given, outputs: stage.outputs)) {
                    tensors[name] = tensor
                    made[name] = InputShapes.Input(name: name, elementType: tensor.elementType, shape: tensor.shape)
                }
            }
            return made
        }
    }
}

extension TensorShapes {
    /// Refuses strings where tensors are plain memory: among the inputs, and among what the stages make by these names.
    func requirePlainMemory(
        _ names: [String], of model: StagedModel, on device: String
    ) throws(PreparationError) {
        let made = names.compactMap { self.made[$0] }
        guard let strings = (inputs + made).first(where: { $0.elementType == .string }) else { return }
        throw .unsupported(
            name: model.name,
            reason: "its tensor '\(strings.name)' holds strings, which cannot be given to \(device); use 'device: cpu'")
    }

    /// The same with every first dimension so many times as large.
    func scaled(by factor: Int) -> TensorShapes {
        func scaled(_ tensor: InputShapes.Input) -> InputShapes.Input {
            var tensor = tensor
            tensor.shape[0] *= factor
            return tensor
        }
        return TensorShapes(inputs: inputs.map(scaled), made: made.mapValues(scaled))
    }

    /// Whether `other` is the same with every first dimension twice as large.
    func isDoubled(by other: TensorShapes) -> Bool {
        func isDoubled(_ tensor: InputShapes.Input, by other: InputShapes.Input?) -> Bool {
            guard let other, let first = tensor.shape.first, first > 0 else { return false }
            return other.shape == [first * 2] + tensor.shape.dropFirst()
        }
        return inputs.count == other.inputs.count && zip(inputs, other.inputs).allSatisfy { isDoubled($0, by: $1) }
            && made.allSatisfy { isDoubled($0.value, by: other.made[$0.key]) }
    }
}

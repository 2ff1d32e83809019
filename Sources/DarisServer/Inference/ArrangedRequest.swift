import DarisRuntime
import ONNXRuntime

/// A request whose tensors have been checked against its model: what its job takes, and what becomes of the job's outputs.
struct ArrangedRequest: Sendable {
    /// An output that the client is told of.
    private struct Wanted: Sendable {
        /// In the order of the model.
        var index: Int
        var isBinary: Bool
        var classes: Int?
        var place: SharedMemoryRegions.Place?
    }

    /// The inputs in the order of the model.
    let inputs: [[UInt8]]
    /// What inputs from shared memory hold of the server's memory, until the request has been answered.
    let share: ByteBudget.Share?
    private let model: ServedModel
    private let id: String?
    private let wanted: [Wanted]

    /// - Parameters:
    ///   - regions: where inputs and outputs may be.
    ///   - budget: where the bytes of inputs from there are counted; nowhere if `nil`.
    /// - Throws: `InferenceError` that names what does not fit.
    init(
        _ request: InferenceRequest, _ model: ServedModel, _ regions: SharedMemoryRegions, _ budget: ByteBudget?
    ) throws(InferenceError) {
        self.model = model
        id = request.id
        wanted = try Self.outputs(request, model, regions)
        (inputs, share) = try Self.inputs(request, model, regions, budget)
    }

    // MARK: - Inputs

    private static func inputs(
        _ request: InferenceRequest, _ model: ServedModel, _ regions: SharedMemoryRegions, _ budget: ByteBudget?
    ) throws(InferenceError) -> ([[UInt8]], ByteBudget.Share?) {
        var given: [String: InferenceRequest.Input] = [:]
        for input in request.inputs where given.updateValue(input, forKey: input.name) != nil {
            throw InferenceError(.invalid, "input '\(input.name)' is given twice")
        }
        let share = request.inputs.contains { $0.sharedMemory != nil } ? budget?.share {} : nil
        share?.seal()
        var arranged: [[UInt8]] = []
        for tensor in model.signature.inputs {
            guard let input = given.removeValue(forKey: tensor.name) else {
                throw InferenceError(
                    .invalid,
                    "input '\(tensor.name)' of model '\(model.name)' is missing: \(tensor.elementType.protocolName) "
                        + "\(tensor.shape)")
            }
            try check(input, tensor, model)
            guard let slice = input.sharedMemory else {
                arranged.append(input.bytes)
                continue
            }
            if let budget, let share, !share.take(slice.byteCount) { throw budget.refusal }
            let bytes = try regions.read(slice, input: tensor.name)
            try checkStrings(bytes, tensor, model)
            arranged.append(bytes)
        }
        if let name = given.keys.sorted().first {
            let names = model.signature.inputs.map(\.name).joined(separator: ", ")
            throw InferenceError(.invalid, "model '\(model.name)' has no input '\(name)'; its inputs are \(names)")
        }
        return (arranged, share)
    }

    /// Makes sure that an input is what the model takes.
    private static func check(
        _ input: InferenceRequest.Input, _ tensor: ModelSignature.Tensor, _ model: ServedModel
    ) throws(InferenceError) {
        let place = "input '\(tensor.name)' of model '\(model.name)'"
        guard input.type == tensor.elementType else {
            throw InferenceError(
                .invalid, "\(place) is \(tensor.elementType.protocolName), not \(input.type.protocolName)")
        }
        guard input.shape == tensor.shape else {
            throw InferenceError(.invalid, "\(place) has shape \(tensor.shape), not \(input.shape)")
        }
        let count = input.sharedMemory?.byteCount ?? input.bytes.count
        guard tensor.byteCount == nil || count == tensor.byteCount else {
            throw InferenceError(.invalid, "\(place) has \(tensor.byteCount ?? 0) bytes, not \(count)")
        }
        if input.sharedMemory == nil { try checkStrings(input.bytes, tensor, model) }
    }

    /// Makes sure that the bytes of strings are as many strings as there should be.
    private static func checkStrings(
        _ bytes: [UInt8], _ tensor: ModelSignature.Tensor, _ model: ServedModel
    ) throws(InferenceError) {
        guard tensor.elementType == .string else { return }
        let place = "input '\(tensor.name)' of model '\(model.name)'"
        guard let count = EncodedStrings.count(bytes) else {
            throw InferenceError(
                .invalid,
                "\(place) is BYTES, each string behind its length in 4 bytes; a length reaches beyond the end of its "
                    + "\(bytes.count) bytes")
        }
        guard count == tensor.count else {
            throw InferenceError(.invalid, "\(place) has \(tensor.count) strings (shape \(tensor.shape)), not \(count)")
        }
    }

    // MARK: - Outputs

    private static func outputs(
        _ request: InferenceRequest, _ model: ServedModel, _ regions: SharedMemoryRegions
    ) throws(InferenceError) -> [Wanted] {
        let tensors = model.signature.outputs
        guard !request.outputs.isEmpty else {
            return tensors.indices.map { Wanted(index: $0, isBinary: request.wantsBinary) }
        }
        var seen: Set<String> = []
        return try request.outputs.map { output throws(InferenceError) in
            guard let index = tensors.firstIndex(where: { $0.name == output.name }) else {
                let names = tensors.map(\.name).joined(separator: ", ")
                throw InferenceError(
                    .invalid, "model '\(model.name)' has no output '\(output.name)'; its outputs are \(names)")
            }
            guard seen.insert(output.name).inserted else {
                throw InferenceError(.invalid, "output '\(output.name)' is asked for twice")
            }
            if let classes = output.classes { try Classification.check(tensors[index], classes: classes) }
            let place = try output.sharedMemory.map { slice throws(InferenceError) in
                try regions.place(slice, output: output.name, byteCount: tensors[index].byteCount)
            }
            return Wanted(index: index, isBinary: output.isBinary, classes: output.classes, place: place)
        }
    }

    /// The answer, with the outputs that the request asks for.
    ///
    /// - Parameter outputs: of the job, in the order of the model.
    func response(_ outputs: [[UInt8]]) -> InferenceResponse {
        InferenceResponse(
            model: model.name, version: model.version, id: id,
            outputs: wanted.filter { $0.index < outputs.count }.map { wanted in
                var tensor = model.signature.outputs[wanted.index]
                var bytes = outputs[wanted.index]
                if let classes = wanted.classes {
                    (tensor, bytes) = Classification.output(tensor, bytes, classes: classes, batch: model.batch)
                }
                return .init(tensor: tensor, bytes: bytes, isBinary: wanted.isBinary, place: wanted.place)
            })
    }
}

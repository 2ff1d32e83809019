import DarisCore
import Foundation
import ONNXRuntime

extension InferenceRequest {
    /// A request as gRPC brings it.
    init(_ call: InferCall) throws(InferenceError) {
        let message = call.message
        self.init(
            model: message.modelName, version: message.modelVersion.isEmpty ? nil : message.modelVersion,
            id: message.id.isEmpty ? nil : message.id)
        let parameters = try RequestParameters(message.parameters, of: .request, "the request")
        try Self.checkRaw(parameters.binaryOutput, "binary_data_output", "the request")
        (priority, timeout, wantsBinary) = (parameters.priority, parameters.timeout, true)
        try readInputs(call)
        outputs = try message.outputs.map { output throws(InferenceError) in
            let name = "output '\(output.name)'"
            let parameters = try RequestParameters(output.parameters, of: .output, name)
            try Self.checkRaw(parameters.isBinary, "binary_data", name)
            return Output(
                name: output.name, isBinary: true, classes: parameters.classes, sharedMemory: parameters.sharedMemory)
        }
    }

    /// Makes sure that outputs are not wanted in another form than gRPC has.
    private static func checkRaw(_ isRaw: Bool?, _ parameter: String, _ owner: String) throws(InferenceError) {
        guard isRaw != false else {
            throw InferenceError(
                .unsupported,
                "parameter '\(parameter)' of \(owner) is false, but outputs over gRPC are raw_output_contents always")
        }
    }

    /// Reads the inputs. Raw contents are those of the inputs that are not in shared memory, in their order.
    private mutating func readInputs(_ call: InferCall) throws(InferenceError) {
        let parameters = try call.message.inputs.map { input throws(InferenceError) in
            try RequestParameters(input.parameters, of: .input, "input '\(input.name)'")
        }
        let raw = call.rawContents
        let sent = parameters.count { $0.sharedMemory == nil }
        guard raw.isEmpty || raw.count == sent else {
            let besides = sent == parameters.count ? "" : " besides those in shared memory"
            throw InferenceError(
                .invalid, "the request has \(sent) inputs\(besides) and \(raw.count) raw_input_contents")
        }
        var rest = raw.makeIterator()
        for (input, parameters) in zip(call.message.inputs, parameters) {
            guard let type = ElementType(protocolName: input.datatype) else {
                let names = ElementType.allCases.map(\.protocolName).joined(separator: ", ")
                throw InferenceError(
                    .invalid, "input '\(input.name)': '\(input.datatype)' is no datatype; those are \(names)")
            }
            let isShared = parameters.sharedMemory != nil
            guard !isShared || !input.hasContents else {
                throw InferenceError(
                    .invalid,
                    "input '\(input.name)' has both contents and parameter 'shared_memory_region'; keep one")
            }
            guard raw.isEmpty || !input.hasContents else {
                throw InferenceError(.invalid, "input '\(input.name)' has both contents and raw contents; keep one")
            }
            var bytes: [UInt8] = []
            if !isShared { bytes = if let next = rest.next() { next } else { try Self.bytes(of: input, type) } }
            guard parameters.binarySize == nil || parameters.binarySize == bytes.count && !isShared else {
                throw InferenceError(
                    .invalid,
                    "parameter 'binary_data_size' of input '\(input.name)' is \(parameters.binarySize ?? 0), but it has "
                        + "\(bytes.count) bytes")
            }
            inputs.append(
                Input(
                    name: input.name, type: type, shape: input.shape.map { Int(clamping: $0) }, bytes: bytes,
                    sharedMemory: parameters.sharedMemory))
        }
    }

    /// The elements of an input that has them one by one, as bytes.
    private static func bytes(
        of input: Inference_ModelInferRequest.InferInputTensor, _ type: ElementType
    ) throws(InferenceError) -> [UInt8] {
        let contents = input.contents
        func narrowed<From: FixedWidthInteger, To: FixedWidthInteger>(
            _ values: [From], _: To.Type
        ) throws(InferenceError) -> [UInt8] {
            var narrow: [To] = []
            narrow.reserveCapacity(values.count)
            for value in values {
                guard let exact = To(exactly: value) else {
                    throw InferenceError(.invalid, "input '\(input.name)': \(value) is no \(type.protocolName)")
                }
                narrow.append(exact)
            }
            return narrow.withUnsafeBytes { Array($0) }
        }
        switch type {
        case .bool: return contents.boolContents.map { $0 ? 1 : 0 }
        case .int8: return try narrowed(contents.intContents, Int8.self)
        case .int16: return try narrowed(contents.intContents, Int16.self)
        case .int32: return try narrowed(contents.intContents, Int32.self)
        case .int64: return contents.int64Contents.withUnsafeBytes { Array($0) }
        case .uint8: return try narrowed(contents.uintContents, UInt8.self)
        case .uint16: return try narrowed(contents.uintContents, UInt16.self)
        case .uint32: return try narrowed(contents.uintContents, UInt32.self)
        case .uint64: return contents.uint64Contents.withUnsafeBytes { Array($0) }
        case .float32: return contents.fp32Contents.withUnsafeBytes { Array($0) }
        case .float64: return contents.fp64Contents.withUnsafeBytes { Array($0) }
        case .float16, .bfloat16:
            throw InferenceError(
                .invalid,
                "input '\(input.name)': \(type.protocolName) has no contents of its own; use raw_input_contents")
        case .string:
            return EncodedStrings.encode(contents.bytesContents)
        }
    }
}

extension RequestParameters {
    /// Parameters as gRPC brings them, in the order of their names.
    ///
    /// - Parameter name: of what they belong to.
    fileprivate init(
        _ parameters: [String: Inference_InferParameter], of owner: Owner, _ name: @autoclosure () -> String
    ) throws(InferenceError) {
        self.init()
        guard !parameters.isEmpty else { return }
        var found = Collection(of: owner, name())
        for (parameter, value) in parameters.sorted(by: { $0.key < $1.key }) {
            try found.take(parameter, Value(value.parameterChoice))
        }
        self = try found.end()
    }
}

extension RequestParameters.Value {
    fileprivate init(_ value: Inference_InferParameter.OneOf_ParameterChoice?) {
        self =
            switch value {
            case nil: .null
            case .boolParam(let bool): .bool(bool)
            case .int64Param(let number): .integer(Int(number))
            case .uint64Param(let number): .integer(Int(clamping: number))
            case .stringParam(let text): .text(text)
            case .doubleParam: .other
            }
    }
}

extension Inference_ModelInferResponse {
    /// An answer without the elements of its outputs.
    init(_ response: InferenceResponse) {
        self.init()
        modelName = response.model
        modelVersion = response.version
        id = response.id ?? ""
        for output in response.outputs {
            outputs.append(
                .with {
                    $0.name = output.tensor.name
                    $0.datatype = output.tensor.elementType.protocolName
                    $0.shape = output.tensor.shape.map(Int64.init)
                    guard let place = output.place else { return }
                    $0.parameters = [
                        "shared_memory_region": .with { $0.stringParam = place.region.name },
                        "shared_memory_offset": .with { $0.int64Param = Int64(place.offset) },
                        "shared_memory_byte_size": .with { $0.int64Param = Int64(output.bytes.count) },
                    ]
                })
        }
    }
}

extension Inference_SystemSharedMemoryStatusResponse {
    init(_ regions: [SharedMemoryRegions.Region]) {
        self.init()
        for region in regions {
            self.regions[region.name] = .with {
                $0.name = region.name
                $0.key = region.key
                $0.offset = UInt64(region.offset)
                $0.byteSize = UInt64(region.byteCount)
            }
        }
    }
}

extension Inference_ServerMetadataResponse {
    init(_ metadata: ServerMetadata) {
        self.init()
        name = metadata.name
        version = metadata.version
        extensions = metadata.extensions
    }
}

extension Inference_ModelMetadataResponse {
    init(_ metadata: ModelMetadata) {
        self.init()
        name = metadata.name
        versions = metadata.versions
        platform = metadata.platform
        func tensor(_ tensor: ModelMetadata.Tensor) -> TensorMetadata {
            .with {
                $0.name = tensor.name
                $0.datatype = tensor.datatype
                $0.shape = tensor.shape.map(Int64.init)
            }
        }
        inputs = metadata.inputs.map(tensor)
        outputs = metadata.outputs.map(tensor)
    }
}

extension Inference_ModelConfigResponse {
    init(_ configuration: ModelConfiguration) {
        self.init()
        func type(_ tensor: ModelConfiguration.Tensor) -> Inference_DataType {
            switch tensor.type {
            case .bool: .typeBool
            case .uint8: .typeUint8
            case .uint16: .typeUint16
            case .uint32: .typeUint32
            case .uint64: .typeUint64
            case .int8: .typeInt8
            case .int16: .typeInt16
            case .int32: .typeInt32
            case .int64: .typeInt64
            case .float16: .typeFp16
            case .float32: .typeFp32
            case .float64: .typeFp64
            case .string: .typeString
            case .bfloat16: .typeBf16
            }
        }
        config.name = configuration.name
        config.platform = configuration.platform
        config.backend = configuration.backend
        config.maxBatchSize = Int32(configuration.maxBatchSize)
        config.input = configuration.input.map { tensor in
            .with {
                $0.name = tensor.name
                $0.dataType = type(tensor)
                $0.dims = tensor.dims.map(Int64.init)
            }
        }
        config.output = configuration.output.map { tensor in
            .with {
                $0.name = tensor.name
                $0.dataType = type(tensor)
                $0.dims = tensor.dims.map(Int64.init)
            }
        }
        config.instanceGroup = configuration.instanceGroup.map { group in
            .with {
                $0.name = group.name
                $0.count = Int32(clamping: group.count)
            }
        }
        config.parameters = configuration.parameters.mapValues { value in .with { $0.stringValue = value.text } }
    }
}

extension Inference_ModelStatistics {
    init(_ model: ServedModel) {
        self.init()
        let report = StatisticsReport.Model(model)
        func duration(_ duration: StatisticsReport.Duration) -> Inference_StatisticDuration {
            .with {
                $0.count = UInt64(clamping: duration.count)
                $0.ns = UInt64(clamping: duration.ns)
            }
        }
        name = report.name
        version = report.version
        lastInference = UInt64(clamping: report.lastInference)
        inferenceCount = UInt64(clamping: report.inferenceCount)
        executionCount = UInt64(clamping: report.executionCount)
        inferenceStats.success = duration(report.inferenceStats.success)
        inferenceStats.fail = duration(report.inferenceStats.fail)
        inferenceStats.queue = duration(report.inferenceStats.queue)
        inferenceStats.computeInput = duration(report.inferenceStats.computeInput)
        inferenceStats.computeInfer = duration(report.inferenceStats.computeInfer)
        inferenceStats.computeOutput = duration(report.inferenceStats.computeOutput)
        inferenceStats.cacheHit = duration(report.inferenceStats.cacheHit)
        inferenceStats.cacheMiss = duration(report.inferenceStats.cacheMiss)
    }
}

extension Inference_RepositoryIndexResponse.ModelIndex {
    init(_ entry: RepositoryEntry) {
        self.init()
        name = entry.name
        version = entry.version
        state = entry.state
        reason = entry.reason
    }
}

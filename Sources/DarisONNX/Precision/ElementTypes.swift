/// The element types of a graph's values, found node by node in order, without their shapes.
///
/// The types are ONNX's numbers. A value whose type cannot be told, such as the output of an operator of another domain that the
/// file does not describe, or a sequence, has none.
struct ElementTypes {
    static let float: Int32 = 1
    static let half: Int32 = 10
    private static let int64: Int32 = 7
    private static let bool: Int32 = 9

    private var types: [String: Int32] = [:]
    /// What the file says of values.
    private var declared: [String: Int32] = [:]

    /// The types of inputs and weights.
    init(_ graph: ONNXGraphProto) {
        for value in graph.valueInfo + graph.output where value.type.tensorType.elemType != 0 {
            declared[value.name] = value.type.tensorType.elemType
        }
        for value in graph.input where value.type.tensorType.elemType != 0 {
            types[value.name] = value.type.tensorType.elemType
        }
        for weight in graph.initializer { types[weight.name] = weight.dataType }
        for weight in graph.sparseInitializer { types[weight.values.name] = weight.values.dataType }
    }

    /// The type of a value, or `nil` if it is not known.
    subscript(name: String) -> Int32? { types[name] }

    /// Finds the types of a node's outputs from those of its inputs.
    mutating func add(_ node: ONNXNodeProto) {
        for (place, name) in node.output.enumerated() where !name.isEmpty {
            types[name] = type(ofOutput: place, of: node) ?? declared[name]
        }
    }

    private func type(ofOutput place: Int, of node: ONNXNodeProto) -> Int32? {
        guard node.isStandard else { return nil }
        func input(_ place: Int) -> Int32? { node.input.indices.contains(place) ? types[node.input[place]] : nil }
        func given(_ name: String) -> Int32? { node.attribute(name).map { Int32(truncatingIfNeeded: $0.i) } }
        switch node.opType {
        case "Shape", "Size", "ArgMax", "ArgMin", "NonZero", "NonMaxSuppression", "SequenceLength": return Self.int64
        case "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Not", "Xor", "IsNaN", "IsInf",
            "OptionalHasElement":
            return Self.bool
        case "Cast": return given("to")
        case "CastLike": return input(1)
        case "Constant": return node.constantType
        case "ConstantOfShape": return node.attribute("value")?.t.dataType ?? Self.float
        case "Where": return input(1) ?? input(2)
        case "OneHot": return input(2)
        case "RandomNormal", "RandomUniform": return given("dtype") ?? Self.float
        case "RandomNormalLike", "RandomUniformLike", "EyeLike", "Bernoulli": return given("dtype") ?? input(0)
        case "Multinomial": return given("dtype") ?? 6
        case "HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix":
            return given("output_datatype") ?? Self.float
        case "TopK", "Unique", "MaxPool": return place == 0 ? input(0) : Self.int64
        case "Dropout": return place == 0 ? input(0) : nil
        case "If": return Self.type(ofOutput: place, of: node.subgraphs.first)
        // A Loop's body also says whether it goes on, first of all.
        case "Loop": return Self.type(ofOutput: place + 1, of: node.subgraphs.first)
        case "Scan": return Self.type(ofOutput: place, of: node.subgraphs.first)
        case "SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceErase", "SequenceAt", "SequenceMap",
            "SplitToSequence", "ConcatFromSequence", "Optional", "OptionalGetElement", "ImageDecoder":
            return nil
        default:
            return input(0) ?? node.input.lazy.compactMap { types[$0] }.first { $0 == Self.float }
        }
    }

    private static func type(ofOutput place: Int, of graph: ONNXGraphProto?) -> Int32? {
        guard let graph, graph.output.indices.contains(place) else { return nil }
        let type = graph.output[place].type.tensorType.elemType
        return type == 0 ? nil : type
    }
}

extension ONNXNodeProto {
    /// Whether the operator is one of ONNX itself.
    var isStandard: Bool { domain.isEmpty || domain == "ai.onnx" }

    /// The attribute of a name.
    func attribute(_ name: String) -> ONNXAttributeProto? { attribute.first { $0.name == name } }

    /// The element type of a Constant.
    fileprivate var constantType: Int32? {
        for attribute in attribute {
            switch attribute.name {
            case "value": return attribute.t.dataType
            case "sparse_value": return attribute.sparseTensor.values.dataType
            case "value_float", "value_floats": return 1
            case "value_int", "value_ints": return 7
            case "value_string", "value_strings": return 8
            default: continue
            }
        }
        return nil
    }
}

internal import Foundation

/// The conversion of one graph, node by node: the state of ``HalfPrecision``.
struct HalfConversion {
    private let original: ONNXModelProto
    private let form: HalfPrecision.Form
    private var types: ElementTypes
    /// The nodes in order.
    private let order: [ModelGraph.Node]
    /// What the float16 form of a value adds to its name. No name of the model ends with it.
    private let suffix: String

    /// Constants whose numbers are at hand, by name.
    private var constants: [String: HalfTensor] = [:]
    /// Values that depend on constants alone.
    private var constantValues: Set<String>
    /// Values that a node makes in float16.
    private var madeInHalf: Set<String> = []
    /// Values that exist in each form.
    private var inFloat: Set<String>
    private var inHalf: Set<String> = []
    private var fits: [String: HalfTensor.Fit] = [:]

    private var nodes: [ONNXNodeProto] = []
    private var halfWeights: [ONNXTensorProto] = []
    /// Constants that a node or an output reads in float32.
    private var floatConstants: Set<String> = []

    init(_ model: ONNXModelProto, form: HalfPrecision.Form) throws(ONNXError) {
        let version = model.opsetImport.first { $0.domain.isEmpty || $0.domain == "ai.onnx" }?.version ?? 1
        guard version >= 7 else {
            throw .invalidGraph(
                reason: "half precision needs operator set 7 or later, and it has \(version); convert it with "
                    + "onnx.version_converter")
        }
        original = model
        self.form = form
        let graph = model.graph
        types = ElementTypes(graph)
        order = try NodeOrder.ordered(graph)
        suffix = Self.freeSuffix(graph)
        for weight in graph.initializer {
            if let tensor = HalfTensor(weight) {
                constants[weight.name] = tensor
                fits[weight.name] = tensor.fit
            }
        }
        constantValues = graph.initializerNames
        inFloat = constantValues.union(graph.input.map(\.name))
    }

    /// Converts all nodes; returns how many work in float16, and how many stayed in float32.
    mutating func run() throws(ONNXError) -> (half: Int, float: Int) {
        var counts = (half: 0, float: 0)
        for item in order {
            let node = original.graph.node[item.index]
            types.add(node)
            if node.isStandard, node.opType == "Constant", let name = node.output.first {
                constantValues.insert(name)
                inFloat.insert(name)
                if let tensor = node.constantTensor.flatMap(HalfTensor.init) {
                    constants[name] = tensor
                    fits[name] = tensor.fit
                }
                nodes.append(node)
            } else if isHalf(node, item) {
                counts.half += 1
                convert(node)
            } else {
                let isConstant = item.inputs.allSatisfy(constantValues.contains) && node.isDeterministic
                if isConstant { constantValues.formUnion(item.outputs) }
                let hasFloats = (item.inputs + item.outputs).contains { types[$0] == ElementTypes.float }
                if hasFloats, !isConstant { counts.float += 1 }
                keep(node, item)
            }
        }
        for output in original.graph.output { needFloat(output.name) }
        return counts
    }

    // MARK: The choice

    private func isHalf(_ node: ONNXNodeProto, _ item: ModelGraph.Node) -> Bool {
        let name = node.opType
        guard node.isStandard, !HalfPrecision.floatOperators.contains(name), node.subgraphs.isEmpty else {
            return false
        }
        let inputs = item.inputs.map { (name: $0, type: types[$0]) }
        guard inputs.allSatisfy({ $0.type != nil }), item.outputs.allSatisfy({ types[$0] != nil }) else { return false }
        let makesFloat = item.outputs.contains { types[$0] == ElementTypes.float }
        if name == "Cast" { return makesFloat && isHalfCast(inputs) }
        // What depends on constants alone is computed once, in whichever form.
        if item.inputs.allSatisfy(constantValues.contains), node.isDeterministic { return false }
        let fixed = HalfPrecision.floatInputs(of: name)
        let places = node.input.indices.filter { types[node.input[$0]] == ElementTypes.float && !fixed.contains($0) }
        let floats = places.map { node.input[$0] }
        guard makesFloat || !floats.isEmpty else { return false }
        if name == "Mul", floats.count == 2, floats[0] == floats[1] { return false }
        // ONNX Runtime scatters float16 on a CPU only where it replaces.
        if name.hasPrefix("Scatter"), let kind = node.attribute("reduction"), kind.s != Data("none".utf8) {
            return false
        }
        if name == "Attention", node.output.count > 3 { return false }
        // The mean and the like of a normalisation are float32 in any case.
        if name.hasSuffix("Normalization"), name != "BatchNormalization", node.output.count > 1 { return false }
        guard places.allSatisfy({ fits(node, at: $0) }) else { return false }
        if name == "ConstantOfShape" {
            return node.attribute("value").map { HalfTensor($0.t)?.fit == .good } ?? true
        }
        let computed = floats.filter { !constantValues.contains($0) }
        if HalfPrecision.heavyOperators.contains(name) { return true }
        return computed.isEmpty ? makesFloat : computed.contains(where: madeInHalf.contains)
    }

    /// Whether a Cast to float32 may make float16: from what float16 holds exactly.
    private func isHalfCast(_ inputs: [(name: String, type: Int32?)]) -> Bool {
        guard let input = inputs.first, !constantValues.contains(input.name) else { return false }
        switch input.type {
        case ElementTypes.half, 9: return true
        case ElementTypes.float: return madeInHalf.contains(input.name)
        default: return false
        }
    }

    /// Whether float16 can hold an input that is a constant whose numbers are known.
    private func fits(_ node: ONNXNodeProto, at place: Int) -> Bool {
        switch fits[node.input[place]] {
        case .tooLarge: HalfPrecision.clampingOperators.contains(node.opType)
        case .tooSmall(let count): HalfPrecision.isSummand(place, of: node.opType, count: count)
        case .good, nil: true
        }
    }

    // MARK: Nodes

    private mutating func convert(_ original: ONNXNodeProto) {
        var node = original
        let fixed = HalfPrecision.floatInputs(of: node.opType)
        for (place, name) in node.input.enumerated() where types[name] == ElementTypes.float {
            if fixed.contains(place) {
                needFloat(name)
            } else {
                needHalf(name)
                node.input[place] = name + suffix
            }
        }
        var rounded: [ONNXNodeProto] = []
        for (place, name) in node.output.enumerated() where !name.isEmpty && types[name] == ElementTypes.float {
            madeInHalf.insert(name)
            inHalf.insert(name)
            node.output[place] = name + suffix
            guard form == .rounded else { continue }
            node.output[place] = name + suffix + "/exact"
            rounded += rounding(node.output[place], to: name + suffix)
        }
        if form == .stored { node.makeHalf() }
        nodes.append(node)
        nodes += rounded
    }

    private mutating func keep(_ original: ONNXNodeProto, _ item: ModelGraph.Node) {
        var node = original
        // A Cast to another type takes what is there.
        if node.isStandard, node.opType == "Cast", let name = node.input.first, madeInHalf.contains(name) {
            node.input[0] = name + suffix
        } else {
            for name in item.inputs { needFloat(name) }
        }
        inFloat.formUnion(item.outputs)
        nodes.append(node)
    }

    /// Sees to it that the float32 form of a value exists.
    private mutating func needFloat(_ name: String) {
        if constants[name] != nil { floatConstants.insert(name) }
        guard inHalf.contains(name), inFloat.insert(name).inserted else { return }
        nodes.append(Self.cast(name + suffix, to: ElementTypes.float, as: name))
    }

    /// Sees to it that the float16 form of a value exists.
    private mutating func needHalf(_ name: String) {
        guard inHalf.insert(name).inserted else { return }
        if let constant = constants[name] {
            halfWeights.append(constant.converted(name: name + suffix, form: form))
            return
        }
        if constantValues.contains(name) { floatConstants.insert(name) }
        switch form {
        case .stored: nodes.append(Self.cast(name, to: ElementTypes.half, as: name + suffix))
        case .rounded: nodes += rounding(name, to: name + suffix)
        }
    }

    private func rounding(_ name: String, to result: String) -> [ONNXNodeProto] {
        [
            Self.cast(name, to: ElementTypes.half, as: result + "/stored"),
            Self.cast(result + "/stored", to: ElementTypes.float, as: result),
        ]
    }

    private static func cast(_ input: String, to type: Int32, as output: String) -> ONNXNodeProto {
        var node = ONNXNodeProto()
        node.opType = "Cast"
        node.name = output + "/Cast"
        node.input = [input]
        node.output = [output]
        node.attribute = [.type(type, named: "to")]
        return node
    }

    // MARK: The result

    /// The model with the converted nodes. Float32 constants that nothing reads any more are left out.
    func converted() -> ONNXModelProto {
        var model = original
        func isUnread(_ name: String) -> Bool { inHalf.contains(name) && !floatConstants.contains(name) }
        let unread = Set(constants.keys.filter(isUnread))
        model.graph.node = nodes.filter { node in
            !(node.isStandard && node.opType == "Constant" && node.output.first.map(unread.contains) == true)
        }
        model.graph.initializer.removeAll { unread.contains($0.name) }
        model.graph.initializer += halfWeights
        model.graph.input.removeAll { unread.contains($0.name) }
        if model.irVersion < 4 {
            // There each weight is also an input.
            model.graph.input += halfWeights.map { weight in
                TensorDescription(
                    name: weight.name, elementType: weight.dataType, dimensions: weight.dims.map { .fixed(Int($0)) }
                ).valueInfo
            }
        }
        model.graph.valueInfo = original.graph.valueInfo.flatMap(described)
        return model
    }

    /// What the file says of a value, for the forms that there are of it.
    private func described(_ value: ONNXValueInfoProto) -> [ONNXValueInfoProto] {
        guard inHalf.contains(value.name) else { return [value] }
        var half = value
        half.name += suffix
        if form == .stored { half.type.tensorType.elemType = ElementTypes.half }
        return inFloat.contains(value.name) && !isDropped(value.name) ? [value, half] : [half]
    }

    private func isDropped(_ name: String) -> Bool { constants[name] != nil && !floatConstants.contains(name) }

    private static func freeSuffix(_ graph: ONNXGraphProto) -> String {
        var suffix = "/half"
        let names = graph.everyName
        while names.contains(where: { $0.hasSuffix(suffix) || $0.contains(suffix + "/") }) { suffix += "_" }
        return suffix
    }
}

extension ONNXNodeProto {
    /// The numbers of a Constant of float32.
    var constantTensor: ONNXTensorProto? {
        var tensor = ONNXTensorProto()
        tensor.dataType = ElementTypes.float
        for attribute in attribute {
            switch attribute.name {
            case "value": return attribute.t
            case "value_float":
                tensor.floatData = [attribute.f]
                return tensor
            case "value_floats":
                tensor.floatData = attribute.floats
                tensor.dims = [Int64(attribute.floats.count)]
                return tensor
            default: continue
            }
        }
        return nil
    }

    /// Has a node that makes float32 by an attribute make float16.
    mutating func makeHalf() {
        switch opType {
        case "Cast":
            attribute = attribute.map { $0.name == "to" ? .type(ElementTypes.half, named: "to") : $0 }
        case "ConstantOfShape":
            var value = ONNXTensorProto()
            value.dataType = ElementTypes.float
            value.dims = [1]
            value.floatData = [0]
            var result = ONNXAttributeProto()
            result.name = "value"
            result.type = 4
            result.t = attribute("value")?.t ?? value
            if let tensor = HalfTensor(result.t) { result.t = tensor.converted(name: result.t.name, form: .stored) }
            attribute = [result]
        default: break
        }
    }
}

extension ONNXAttributeProto {
    /// An element type as an attribute.
    static func type(_ type: Int32, named name: String) -> ONNXAttributeProto {
        var attribute = ONNXAttributeProto()
        attribute.name = name
        attribute.type = 2
        attribute.i = Int64(type)
        return attribute
    }
}

extension ONNXGraphProto {
    /// The names of all values, those of graphs within it included.
    var everyName: [String] {
        input.map(\.name) + Array(initializerNames)
            + node.flatMap { $0.output + [$0.name] + $0.subgraphs.flatMap(\.everyName) }
    }
}

/// The name and type of an input or output of a model.
package struct TensorDescription: Hashable, Sendable {
    /// One length in the shape of a tensor.
    package enum Dimension: Hashable, Sendable {
        /// A known length.
        case fixed(Int)
        /// A length known by name only, such as `batch`.
        case symbolic(String)
        /// An unknown length.
        case unknown
    }

    /// The tensor's name in the graph.
    package var name: String
    /// ONNX's number of the element type: 1 is float32, 7 int64, 10 float16; 0 if the type is not given or is not a
    /// dense tensor.
    package var elementType: Int32
    /// The shape, outermost dimension first; empty for a scalar, `nil` if the rank is unknown.
    package var dimensions: [Dimension]?

    /// A description of the tensor `name`.
    package init(name: String, elementType: Int32, dimensions: [Dimension]?) {
        self.name = name
        self.elementType = elementType
        self.dimensions = dimensions
    }

    /// ONNX's number for float32.
    package static let float32: Int32 = 1
    /// ONNX's number for int64.
    package static let int64: Int32 = 7
}

extension TensorDescription {
    /// The description of a value of a graph.
    init(_ value: ONNXValueInfoProto) {
        let tensor = value.type.tensorType
        let dimensions: [Dimension]? =
            tensor.hasShape
            ? tensor.shape.dim.map { dimension in
                switch dimension.value {
                case .dimValue(let length): .fixed(Int(length))
                case .dimParam(let name): name.isEmpty ? .unknown : .symbolic(name)
                case nil: .unknown
                }
            } : nil
        self.init(name: value.name, elementType: tensor.elemType, dimensions: dimensions)
    }

    /// The description as part of a graph.
    var valueInfo: ONNXValueInfoProto {
        var tensor = ONNXTypeProto.Tensor()
        tensor.elemType = elementType
        if let dimensions {
            tensor.shape.dim = dimensions.map { dimension in
                var length = ONNXTensorShapeProto.Dimension()
                switch dimension {
                case .fixed(let value): length.dimValue = Int64(value)
                case .symbolic(let name): length.dimParam = name
                case .unknown: break
                }
                return length
            }
            // A scalar has a shape too: one without dimensions.
            if dimensions.isEmpty { tensor.shape = ONNXTensorShapeProto() }
        }
        var value = ONNXValueInfoProto()
        value.name = name
        value.type.tensorType = tensor
        return value
    }
}

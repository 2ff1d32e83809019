/// Writes small ONNX models, byte by byte: just enough of protobuf's wire format and of ONNX's messages.
package struct ONNXEncoder {
    /// One dimension of a tensor.
    package enum Dimension {
        /// Always of this extent.
        case fixed(Int)
        /// Of an extent with a name.
        case symbolic(String)
    }

    private var graph = Message()
    private let operatorSet: Int

    /// A model without nodes.
    package init(operatorSet: Int = 17) {
        self.operatorSet = operatorSet
        graph.bytes(2, Array("test".utf8))
    }

    /// The model's bytes.
    package var model: [UInt8] {
        var opset = Message()
        opset.bytes(1, [])
        opset.varint(2, operatorSet)
        var model = Message()
        model.varint(1, 8)
        model.message(7, graph)
        model.message(8, opset)
        return model.content
    }

    /// An operator without attributes.
    package mutating func node(_ type: String, _ name: String, inputs: [String], outputs: [String]) {
        var node = Message()
        for input in inputs { node.bytes(1, Array(input.utf8)) }
        for output in outputs { node.bytes(2, Array(output.utf8)) }
        node.bytes(3, Array(name.utf8))
        node.bytes(4, Array(type.utf8))
        graph.message(1, node)
    }

    /// A weight of 32-bit floating-point numbers.
    package mutating func weight(_ name: String, shape: [Int], _ values: [Float]) {
        var tensor = Message()
        for extent in shape { tensor.varint(1, extent) }
        tensor.varint(2, 1)
        tensor.bytes(8, Array(name.utf8))
        tensor.bytes(9, values.withUnsafeBytes { Array($0) })
        graph.message(5, tensor)
    }

    /// An input; 1 is 32-bit floating point.
    package mutating func input(_ name: String, shape: [Dimension], elementType: Int = 1) {
        graph.message(11, Self.value(name, shape: shape, elementType: elementType))
    }

    /// An output; its type is left for ONNX Runtime to infer if no shape is given.
    package mutating func output(_ name: String, shape: [Dimension]? = nil, elementType: Int = 1) {
        graph.message(12, Self.value(name, shape: shape, elementType: elementType))
    }

    private static func value(_ name: String, shape: [Dimension]?, elementType: Int) -> Message {
        var value = Message()
        value.bytes(1, Array(name.utf8))
        guard let shape else { return value }
        var dimensions = Message()
        for extent in shape {
            var dimension = Message()
            switch extent {
            case .fixed(let count): dimension.varint(1, count)
            case .symbolic(let symbol): dimension.bytes(2, Array(symbol.utf8))
            }
            dimensions.message(1, dimension)
        }
        var tensor = Message()
        tensor.varint(1, elementType)
        tensor.message(2, dimensions)
        var type = Message()
        type.message(1, tensor)
        value.message(2, type)
        return value
    }

    /// A protobuf message under construction.
    private struct Message {
        var content: [UInt8] = []

        mutating func varint(_ field: Int, _ value: Int) {
            append(UInt64(field << 3))
            append(UInt64(value))
        }

        mutating func bytes(_ field: Int, _ bytes: [UInt8]) {
            append(UInt64(field << 3 | 2))
            append(UInt64(bytes.count))
            content += bytes
        }

        mutating func message(_ field: Int, _ message: Message) {
            bytes(field, message.content)
        }

        private mutating func append(_ value: UInt64) {
            var rest = value
            while rest > 0x7F {
                content.append(UInt8(rest & 0x7F) | 0x80)
                rest >>= 7
            }
            content.append(UInt8(rest))
        }
    }
}

/// Small ONNX models, encoded byte by byte: just enough of protobuf's wire format and of ONNX's messages.
enum TestModels {
    /// Three nodes in a row, `x` of 1 × 4 in and `y` out.
    static let small = model(
        node("Relu", ["x"], ["a"]) + node("Neg", ["a"], ["b"]) + node("Exp", ["b"], ["y"]) + x + y)
    static let undefinedTensor = model(node("Add", ["x", "ghost"], ["y"], name: "sum") + x + y)
    static let cyclic = model(
        node("Add", ["x", "b"], ["a"], name: "first") + node("Relu", ["a"], ["b"], name: "second")
            + node("Neg", ["b"], ["y"]) + x + y)
    static let unknownOperator = model(node("Frobnicate", ["x"], ["y"], name: "odd") + x + y)
    static let strings = model(
        node("Identity", ["x"], ["a"]) + node("Identity", ["a"], ["y"]) + value(11, "x", [1, 4], type: 8)
            + value(12, "y", [1, 4], type: 8))
    static let noOutput = model(node("Relu", ["x"], ["y"]) + x)
    static let symbolicWidth = model(
        node("Relu", ["x"], ["a"]) + node("Neg", ["a"], ["y"]) + value(11, "x", [nil, nil], symbols: ["n", "width"])
            + value(12, "y", [nil, nil], symbols: ["n", "width"]))

    /// An input of `count` numbers.
    static func long(_ count: Int, type: Int = 1) -> [UInt8] {
        model(
            node("Identity", ["x"], ["a"]) + node("Identity", ["a"], ["y"]) + value(11, "x", [count], type: type)
                + value(12, "y", [count], type: type))
    }

    /// An output of `count` numbers.
    static func expanding(to count: Int) -> [UInt8] {
        let shape = varint(1, 1) + varint(2, 7) + varint(7, count) + bytes(8, "s")
        return model(
            node("Expand", ["x", "s"], ["y"]) + bytes(5, shape) + value(11, "x", [1])
                + value(12, "y", [nil], symbols: ["n"]))
    }

    /// A transform in steps of `step`, an input: ONNX Runtime divides by it, whatever it is.
    static let steps = model(
        node("STFT", ["x", "step", "", "length"], ["y"]) + value(11, "x", [1, 128, 1])
            + value(11, "step", [], type: 7) + value(11, "length", [], type: 7)
            + value(12, "y", [nil, nil, nil, nil], symbols: ["a", "b", "c", "d"]))

    /// A weight in another file.
    static func external(location: String) -> [UInt8] {
        let entries = [("location", location), ("offset", "0"), ("length", "4")]
        let data = entries.flatMap { bytes(13, bytes(1, $0.0) + bytes(2, $0.1)) }
        let weight = varint(1, 1) + varint(2, 1) + bytes(8, "w") + data + varint(14, 1)
        return model(node("Add", ["x", "w"], ["y"]) + bytes(5, weight) + x + y)
    }

    /// Looks a row up whose number is drawn from 0 to `highest` in a table of 100; numbers from 100 on make it fail.
    /// The seed is such that, up to 142, the first 14 draws of a session succeed, more than start-up makes before it
    /// can bear a failure, and about a third of the others fail.
    static func drawing(from lowest: Float, to highest: Float) -> [UInt8] {
        let table = varint(1, 100) + varint(2, 1) + bytes(8, "t") + bytes(9, [UInt8](repeating: 0, count: 400))
        return model(
            node(
                "RandomUniform", [], ["r"],
                attributes: integers("shape", [1]) + float("low", lowest) + float("high", highest)
                    + float("seed", 4_114_948))
                + node("Cast", ["r"], ["i"], attributes: integer("to", 7))
                + node("Gather", ["t", "i"], ["p"], name: "look up")
                + node("Add", ["x", "p"], ["y"]) + bytes(5, table) + x + y)
    }

    /// Four products of 512 × 512 matrices, which take any processor a millisecond or more.
    static let heavy: [UInt8] = {
        let zeros = [UInt8](repeating: 0, count: 512 * 512 * 4)
        let weight = varint(1, 512) + varint(1, 512) + varint(2, 1) + bytes(8, "w") + bytes(9, zeros)
        let products = (0..<4).flatMap { node("MatMul", ["t\($0)", "w"], ["t\($0 + 1)"]) }
        return model(products + bytes(5, weight) + value(11, "t0", [512, 512]) + value(12, "t4", [512, 512]))
    }()

    // MARK: - Messages

    private static let x = value(11, "x", [1, 4])
    private static let y = value(12, "y", [1, 4])

    private static func model(_ graph: [UInt8]) -> [UInt8] {
        varint(1, 8) + bytes(7, graph + bytes(2, "test")) + bytes(8, bytes(1, "") + varint(2, 17))
    }

    private static func node(
        _ type: String, _ inputs: [String], _ outputs: [String], name: String = "", attributes: [UInt8] = []
    ) -> [UInt8] {
        bytes(
            1,
            inputs.flatMap { bytes(1, $0) } + outputs.flatMap { bytes(2, $0) } + bytes(3, name) + bytes(4, type)
                + attributes)
    }

    private static func value(
        _ field: Int, _ name: String, _ shape: [Int?], symbols: [String] = [], type: Int = 1
    ) -> [UInt8] {
        let dimensions = shape.enumerated().flatMap { index, length in
            bytes(1, length.map { varint(1, $0) } ?? bytes(2, symbols[index]))
        }
        return bytes(field, bytes(1, name) + bytes(2, bytes(1, varint(1, type) + bytes(2, dimensions))))
    }

    private static func integer(_ name: String, _ value: Int) -> [UInt8] {
        bytes(5, bytes(1, name) + varint(3, value) + varint(20, 2))
    }

    private static func integers(_ name: String, _ values: [Int]) -> [UInt8] {
        bytes(5, bytes(1, name) + values.flatMap { varint(8, $0) } + varint(20, 7))
    }

    private static func float(_ name: String, _ value: Float) -> [UInt8] {
        let fixed = withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init)
        return bytes(5, bytes(1, name) + [2 << 3 | 5] + fixed + varint(20, 1))
    }

    private static func varint(_ field: Int, _ value: Int) -> [UInt8] { encoded(field << 3) + encoded(value) }

    private static func bytes(_ field: Int, _ text: String) -> [UInt8] { bytes(field, Array(text.utf8)) }

    private static func bytes(_ field: Int, _ content: [UInt8]) -> [UInt8] {
        encoded(field << 3 | 2) + encoded(content.count) + content
    }

    private static func encoded(_ value: Int) -> [UInt8] {
        var rest = UInt64(value)
        var result: [UInt8] = []
        while rest > 0x7f {
            result.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        return result + [UInt8(rest)]
    }
}

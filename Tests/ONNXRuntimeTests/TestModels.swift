import ModelEncoding
import ONNXRuntime

/// The models that the tests run.
enum TestModels {
    /// `y = x + 1` for `x` of shape `[batch, 3]`.
    static let addOne: ModelSource = {
        var encoder = ONNXEncoder()
        encoder.node("Add", "add", inputs: ["x", "one"], outputs: ["y"])
        encoder.weight("one", shape: [1], [1])
        encoder.input("x", shape: [.symbolic("batch"), .fixed(3)])
        encoder.output("y", shape: [.symbolic("batch"), .fixed(3)])
        return .bytes(encoder.model, name: "add-one")
    }()

    /// `y = relu(x · w)` for `x` of shape `[2, 2]` and `w = [[1, 2], [3, -4]]`, with `y` untyped.
    static let dense: ModelSource = {
        var encoder = ONNXEncoder()
        encoder.node("MatMul", "product", inputs: ["x", "w"], outputs: ["p"])
        encoder.node("Relu", "rectify", inputs: ["p"], outputs: ["y"])
        encoder.weight("w", shape: [2, 2], [1, 2, 3, -4])
        encoder.input("x", shape: [.fixed(2), .fixed(2)])
        encoder.output("y")
        return .bytes(encoder.model, name: "dense")
    }()

    /// `y = x` for strings of any number.
    static let text: ModelSource = {
        var encoder = ONNXEncoder()
        encoder.node("Identity", "copy", inputs: ["x"], outputs: ["y"])
        encoder.input("x", shape: [.symbolic("count")], elementType: 8)
        encoder.output("y")
        return .bytes(encoder.model, name: "text")
    }()

    /// `text` is `a` where `x` is greater than 1, else `b`; `y = x + 1`.
    static let choose: ModelSource = {
        var encoder = ONNXEncoder()
        encoder.node("Greater", "compare", inputs: ["x", "one"], outputs: ["c"])
        encoder.node("Where", "pick", inputs: ["c", "a", "b"], outputs: ["text"])
        encoder.node("Add", "add", inputs: ["x", "one"], outputs: ["y"])
        encoder.weight("one", shape: [1], [1])
        encoder.input("x", shape: [.fixed(2)])
        encoder.input("a", shape: [.fixed(2)], elementType: 8)
        encoder.input("b", shape: [.fixed(2)], elementType: 8)
        encoder.output("text")
        encoder.output("y")
        return .bytes(encoder.model, name: "choose")
    }()

    /// `y` holds the indices where `x` is not zero: its shape depends on the data.
    static let nonZero: ModelSource = {
        var encoder = ONNXEncoder()
        encoder.node("NonZero", "find", inputs: ["x"], outputs: ["y"])
        encoder.input("x", shape: [.fixed(4)])
        encoder.output("y")
        return .bytes(encoder.model, name: "non-zero")
    }()
}

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

    /// `y` holds the indices where `x` is not zero: its shape depends on the data.
    static let nonZero: ModelSource = {
        var encoder = ONNXEncoder()
        encoder.node("NonZero", "find", inputs: ["x"], outputs: ["y"])
        encoder.input("x", shape: [.fixed(4)])
        encoder.output("y")
        return .bytes(encoder.model, name: "non-zero")
    }()
}

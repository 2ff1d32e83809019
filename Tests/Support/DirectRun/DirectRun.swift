import DarisONNX
import ModelEncoding
import ONNXRuntime

/// What ONNX Runtime makes of a built-in network in one session, uncut and without Daris.
///
/// Public, since the tests that use it see no more of the package than other packages do.
public enum DirectRun {
    /// The output of ResNet18 with seed 1 for one image.
    public static func resnet18(_ image: [Float]) throws -> [Float] {
        let model = try ReferenceNetwork.resnet18.build(seed: 1).serialized()
        let environment = try Environment(library: try ONNXRuntimeLibrary.open())
        let session = try Session(environment: environment, model: .bytes(model, name: "resnet18"))
        let input = try Tensor(library: environment.library, image, shape: [1, 3, 224, 224])
        return try session.run(inputs: ["input": input])[0].elements(as: Float.self)
    }
}

/// Small models, as the bytes of their files.
public enum SmallModel {
    /// `text` is `a` where `x` is greater than 1, else `b`; `y = x + 1`. All have two elements.
    public static let choose: [UInt8] = {
        var encoder = ONNXEncoder()
        encoder.node("Greater", "compare", inputs: ["x", "one"], outputs: ["c"])
        encoder.node("Where", "pick", inputs: ["c", "a", "b"], outputs: ["text"])
        encoder.node("Add", "add", inputs: ["x", "one"], outputs: ["y"])
        encoder.weight("one", shape: [1], [1])
        encoder.input("x", shape: [.fixed(2)])
        encoder.input("a", shape: [.fixed(2)], elementType: 8)
        encoder.input("b", shape: [.fixed(2)], elementType: 8)
        encoder.output("text", shape: [.fixed(2)], elementType: 8)
        encoder.output("y", shape: [.fixed(2)])
        return encoder.model
    }()

    /// Four products of 512 × 512 matrices, which take any processor a millisecond or more.
    public static let heavy: [UInt8] = {
        var encoder = ONNXEncoder()
        for index in 0..<4 {
            encoder.node("MatMul", "product \(index)", inputs: ["t\(index)", "w"], outputs: ["t\(index + 1)"])
        }
        encoder.weight("w", shape: [512, 512], [Float](repeating: 0, count: 512 * 512))
        encoder.input("t0", shape: [.fixed(512), .fixed(512)])
        encoder.output("t4", shape: [.fixed(512), .fixed(512)])
        return encoder.model
    }()

    /// `y = table[index]`, for `index` from 0 to 3 of 64-bit integers: fails for any other.
    public static let lookUp: [UInt8] = {
        var encoder = ONNXEncoder()
        encoder.node("Gather", "look up", inputs: ["table", "index"], outputs: ["y"])
        encoder.weight("table", shape: [4], [10, 20, 30, 40])
        encoder.input("index", shape: [.fixed(1)], elementType: 7)
        encoder.output("y", shape: [.fixed(1)])
        return encoder.model
    }()
}

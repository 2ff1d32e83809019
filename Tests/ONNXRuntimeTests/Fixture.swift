import ONNXRuntime

/// The library and its environment, as every test uses them.
///
/// ONNX Runtime has one environment a process, with the log of the first one made; so that a test can look at the log,
/// all tests share this one.
struct Fixture {
    let library: ONNXRuntimeLibrary
    let environment: Environment
    let log: LogRecorder

    private static let shared = Result<Fixture, ONNXRuntimeError> { () throws(ONNXRuntimeError) in
        let library = try ONNXRuntimeLibrary.open()
        let log = LogRecorder()
        let environment = try Environment(library: library, logger: log.makeLogger())
        return Fixture(library: library, environment: environment, log: log)
    }

    /// The one fixture; throws, with what to do about it, if there is no ONNX Runtime.
    static func make() throws(ONNXRuntimeError) -> Fixture { try shared.get() }

    func session(_ model: ModelSource, _ options: SessionOptions = SessionOptions()) throws -> Session {
        try Session(environment: environment, model: model, options: options)
    }

    func tensor<Element: TensorElement>(_ elements: [Element], _ shape: [Int]) throws -> Tensor {
        try Tensor(library: library, elements, shape: shape)
    }
}

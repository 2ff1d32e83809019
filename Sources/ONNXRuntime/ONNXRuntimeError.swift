/// Why ONNX Runtime could not be opened or a call of it failed.
package enum ONNXRuntimeError: Error, Equatable, Sendable {
    /// No library that may be used was found in the places searched.
    case libraryNotFound(searched: [String], passedOver: [String] = [])
    /// `DARIS_ONNXRUNTIME` names a place that does not exist or holds no library.
    case overrideUnusable(value: String, reason: String)
    /// A library was found, but it could not be loaded or is not ONNX Runtime.
    case libraryUnusable(path: String, reason: String)
    /// ONNX Runtime was found, but Daris does not know the interface of its version.
    case unsupportedVersion(path: String, found: String, oldest: String)
    /// A call of ONNX Runtime failed.
    case callFailed(call: String, code: Code, message: String, subject: String)
    /// A model has an input or output that is not a tensor, or a tensor of elements that Daris does not know.
    case unsupportedValue(name: String, subject: String, reason: String)
    /// The memory for a tensor does not have the size that its shape and element type need.
    case wrongSize(shape: [Int], elementType: ElementType, expectedBytes: Int, foundBytes: Int)
    /// A tensor cannot have this shape or element type.
    case invalidTensor(shape: [Int], elementType: ElementType, reason: String)
    /// The profile that a session wrote cannot be read.
    case profileUnreadable(path: String, reason: String)

    /// ONNX Runtime's own code for the kind of a failure.
    package enum Code: Int32, Sendable {
        /// A failure without a kind of its own.
        case fail = 1
        /// An argument, such as an input's shape, does not fit the model.
        case invalidArgument = 2
        /// A file is not there.
        case noSuchFile = 3
        /// There is no model.
        case noModel = 4
        /// The engine failed.
        case engineError = 5
        /// An exception while running.
        case runtimeException = 6
        /// The bytes are not a protobuf message.
        case invalidProtobuf = 7
        /// A model is loaded already.
        case modelLoaded = 8
        /// The model needs something that this build does not implement.
        case notImplemented = 9
        /// The model's graph breaks a rule of ONNX.
        case invalidGraph = 10
        /// An execution provider failed.
        case executionProviderFailed = 11
        /// Loading was cancelled.
        case loadCancelled = 12
        /// The model must be compiled first.
        case compilationRequired = 13
        /// A name was not found.
        case notFound = 14
    }
}

extension ONNXRuntimeError: CustomStringConvertible {
    /// A sentence that says what went wrong and, if possible, what to do.
    package var description: String {
        switch self {
        case .libraryNotFound(let searched, let passedOver):
            "ONNX Runtime was not found; run Scripts/fetch-onnxruntime, or set DARIS_ONNXRUNTIME to libonnxruntime.so or"
                + " its folder (looked in \(searched.joined(separator: ", "))"
                + passedOver.map { "; not used: \($0)" }.joined() + ")"
        case .overrideUnusable(let value, let reason):
            "DARIS_ONNXRUNTIME is set to '\(value)', but \(reason); set it to libonnxruntime.so or its folder, or"
                + " unset it and run Scripts/fetch-onnxruntime"
        case .libraryUnusable(let path, let reason):
            "'\(path)' cannot be used as ONNX Runtime: \(reason); run Scripts/fetch-onnxruntime to get one that can"
        case .unsupportedVersion(let path, let found, let oldest):
            "'\(path)' is ONNX Runtime \(found), but \(oldest) or a later 1.x is needed; run"
                + " Scripts/fetch-onnxruntime to get \(ONNXRuntimeLibrary.testedVersion)"
        case .callFailed(let call, let code, let message, let subject):
            "ONNX Runtime's \(call) failed for \(subject) (\(code)): \(message)"
        case .unsupportedValue(let name, let subject, let reason):
            "'\(name)' of \(subject) cannot be used: \(reason)"
        case .wrongSize(let shape, let elementType, let expected, let found):
            "a tensor of shape \(shape) and element type \(elementType) takes \(expected) bytes, not \(found)"
        case .invalidTensor(let shape, let elementType, let reason):
            "there can be no tensor of shape \(shape) and element type \(elementType): \(reason)"
        case .profileUnreadable(let path, let reason):
            "the profile '\(path)' cannot be read: \(reason)"
        }
    }
}

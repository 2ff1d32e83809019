import CONNXRuntime

/// A model, ready to run.
///
/// ```swift
/// var options = SessionOptions()
/// options.freeDimensionOverrides = ["batch": 1]
/// let session = try Session(environment: environment, model: .file("resnet18.onnx"), options: options)
///
/// let binding = try IOBinding(session: session)
/// try binding.bind(image, toInput: "image")
/// try binding.bind(classes, toOutput: "classes")
/// try session.run(binding: binding)  // as often as wanted
/// ```
///
/// Any number of threads may run a session at once; the session itself never changes, and each run has memory of its
/// own.
package final class Session: Sendable {
    /// The environment this session belongs to.
    package let environment: Environment
    /// The inputs, in the model's order, without weights.
    package let inputs: [ValueInfo]
    /// The outputs, in the model's order.
    package let outputs: [ValueInfo]

    let handle: Handle
    /// The model, for messages.
    let subject: String

    /// Loads and optimises a model.
    ///
    /// - Parameters:
    ///   - environment: The environment.
    ///   - model: Where the model is. Bytes are copied as far as they are needed.
    ///   - options: How the session is made and runs.
    ///   - prepackedWeights: A store shared with other sessions, if wanted.
    /// - Throws: ``ONNXRuntimeError/callFailed(call:code:message:subject:)`` if the model cannot be used, and
    ///   ``ONNXRuntimeError/unsupportedValue(name:subject:reason:)`` if it has inputs or outputs that are not tensors.
    package init(
        environment: Environment, model: ModelSource, options: SessionOptions = SessionOptions(),
        prepackedWeights: PrepackedWeights? = nil
    ) throws(ONNXRuntimeError) {
        let api = environment.library.api
        let table = api.table
        let env = environment.handle.pointer
        let subject = model.description
        let native = try options.makeNative(api: api, subject: subject)
        var owners: [any AnyObject & Sendable] = [environment]
        owners += options.initializers.values.map { $0 as any AnyObject & Sendable }
        if let prepackedWeights { owners.append(prepackedWeights) }
        let weights = prepackedWeights?.handle.pointer

        handle =
            switch model {
            case .file(let path):
                try api.make("CreateSession", for: subject, release: daris_ort_release_session, keeping: owners) {
                    weights == nil
                        ? daris_ort_create_session(table, env, path, native.pointer, &$0)
                        : daris_ort_create_session_with_prepacked_weights(
                            table, env, path, native.pointer, weights, &$0)
                }
            case .bytes(let bytes, _):
                try api.make(
                    "CreateSessionFromArray", for: subject, release: daris_ort_release_session, keeping: owners
                ) {
                    weights == nil
                        ? daris_ort_create_session_from_bytes(table, env, bytes, bytes.count, native.pointer, &$0)
                        : daris_ort_create_session_from_bytes_with_prepacked_weights(
                            table, env, bytes, bytes.count, native.pointer, weights, &$0)
                }
            }
        self.environment = environment
        self.subject = subject
        let reader = SignatureReader(library: environment.library, session: handle.pointer, subject: subject)
        inputs = try reader.inputs()
        outputs = try reader.outputs()
    }

    /// Runs the model on tensors given by name: convenient, but it allocates. Use ``run(binding:options:)`` where time
    /// counts.
    ///
    /// - Parameters:
    ///   - inputs: A tensor for each input.
    ///   - outputs: The outputs wanted, in order; all if not given.
    ///   - options: A way to stop the run.
    /// - Returns: The outputs, in memory of ONNX Runtime's own.
    package func run(
        inputs: [String: Tensor], outputs: [String]? = nil, options: RunOptions? = nil
    ) throws(ONNXRuntimeError) -> [Tensor] {
        let api = handle.api
        let outputs = outputs ?? self.outputs.map(\.name)
        let given = Array(inputs)
        let inputNames = CStringArray(given.map(\.key))
        let inputValues: [OpaquePointer?] = given.map { $0.value.handle.pointer }
        let outputNames = CStringArray(outputs)
        var outputValues = [OpaquePointer?](repeating: nil, count: outputs.count)
        let status = withExtendedLifetime(inputs) {
            daris_ort_run(
                api.table, handle.pointer, options?.handle.pointer, inputNames.pointers, inputValues, given.count,
                outputNames.pointers, outputs.count, &outputValues)
        }
        try api.check(status, "Run", subject)
        return try Tensor.take(outputValues, names: outputs, from: self) { _ in environment.library.hostMemory }
    }

    /// Runs the model on the tensors of a binding, without an allocation of its own.
    ///
    /// - Parameters:
    ///   - binding: A binding made for this session. Runs of the same binding wait for each other.
    ///   - options: A way to stop the run.
    @inline(never)
    package func run(binding: IOBinding, options: RunOptions? = nil) throws(ONNXRuntimeError) {
        precondition(binding.session === self, "the binding was made for another session")
        try binding.run(options: options)
    }

    /// Ends the profile of a session made with ``SessionOptions/profilePrefix``, and returns the path of its file.
    package func endProfiling() throws(ONNXRuntimeError) -> String {
        let library = environment.library
        var path: UnsafeMutablePointer<CChar>?
        try library.api.check(
            daris_ort_end_profiling(library.api.table, handle.pointer, library.allocator, &path), "SessionEndProfiling",
            subject)
        return library.take(path)
    }
}

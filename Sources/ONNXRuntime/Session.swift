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
/// try session.run(binding: binding)  // any number of times
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
    ///   - model: The model. Bytes are copied as far as they are needed.
    ///   - options: The session's options.
    /// - Throws: ``ONNXRuntimeError/callFailed(call:code:message:subject:)`` if the model cannot be used, and
    ///   ``ONNXRuntimeError/unsupportedValue(name:subject:reason:)`` if it has inputs or outputs that are not tensors.
    package init(
        environment: Environment, model: ModelSource, options: SessionOptions = SessionOptions()
    ) throws(ONNXRuntimeError) {
        let api = environment.library.api
        let table = api.table
        let env = environment.handle.pointer
        let subject = model.description
        let native = try options.makeNative(api: api, subject: subject)
        handle =
            switch model {
            case .file(let path):
                try api.make(
                    "CreateSession", for: subject, release: daris_ort_release_session, keeping: [environment]
                ) { daris_ort_create_session(table, env, path, native.pointer, &$0) }
            case .bytes(let bytes, _):
                try api.make(
                    "CreateSessionFromArray", for: subject, release: daris_ort_release_session, keeping: [environment]
                ) { daris_ort_create_session_from_bytes(table, env, bytes, bytes.count, native.pointer, &$0) }
            }
        self.environment = environment
        self.subject = subject
        let reader = SignatureReader(library: environment.library, session: handle.pointer, subject: subject)
        inputs = try reader.inputs()
        outputs = try reader.outputs()
    }

    /// Runs the model on tensors given by name. It allocates; use ``run(binding:options:)`` where time matters.
    ///
    /// - Parameters:
    ///   - inputs: A tensor for each input.
    ///   - outputs: The outputs to return, in order; by default all.
    ///   - options: A way to stop the run.
    /// - Returns: The outputs, in memory of ONNX Runtime.
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

    /// Runs the model on the tensors of a binding. Daris allocates nothing here.
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

/// The place of a model.
package enum ModelSource: Sendable {
    /// A file. External weights, if any, are searched in its folder.
    case file(String)
    /// Bytes in memory; `name` is for messages.
    case bytes([UInt8], name: String)

    /// The model in a message.
    package var description: String {
        switch self {
        case .file(let path): "the model '\(path)'"
        case .bytes(_, let name): "the model '\(name)'"
        }
    }
}

/// Options of a run, and a way to stop it.
///
/// The entries never change; any thread may call ``terminate()`` and ``resume()`` while runs are in progress. Any
/// number of runs may share the options, one after another or at once.
package final class RunOptions: Sendable {
    let handle: Handle

    /// Options with these entries of ONNX Runtime's run configuration, such as
    /// `disable_synchronize_execution_providers`.
    package init(library: ONNXRuntimeLibrary, configEntries: [String: String] = [:]) throws(ONNXRuntimeError) {
        let api = library.api
        handle = try api.make("CreateRunOptions", for: "run options", release: daris_ort_release_run_options) {
            daris_ort_create_run_options(api.table, &$0)
        }
        for (key, value) in configEntries {
            try api.check(
                daris_ort_add_run_config_entry(api.table, handle.pointer, key, value), "AddRunConfigEntry",
                "the run option '\(key)'")
        }
    }

    /// Makes every run with these options stop soon with an error, later runs included, until ``resume()``.
    package func terminate() throws(ONNXRuntimeError) {
        try handle.api.check(
            daris_ort_set_terminate(handle.api.table, handle.pointer), "RunOptionsSetTerminate", "run options")
    }

    /// Ends the effect of ``terminate()`` for later runs.
    package func resume() throws(ONNXRuntimeError) {
        try handle.api.check(
            daris_ort_unset_terminate(handle.api.table, handle.pointer), "RunOptionsUnsetTerminate", "run options")
    }
}

import CONNXRuntime
import Logging

/// ONNX Runtime's state for the process: where its log goes, and the base of every session.
///
/// Make one and give it to every session. ONNX Runtime has one such state a process: while one lives, another one made
/// shares it, with the log of the first. Any number of threads may use an environment.
package final class Environment: Sendable {
    /// The library this environment belongs to.
    package let library: ONNXRuntimeLibrary
    let handle: Handle

    /// An environment whose log goes to `logger`.
    ///
    /// - Parameters:
    ///   - library: The library.
    ///   - logger: Where lines go. ONNX Runtime itself writes nothing to standard error then.
    ///   - severity: The least severity of a line that is passed on.
    package init(
        library: ONNXRuntimeLibrary, logger: Logger = Logger(label: "onnxruntime"), severity: LogSeverity = .warning
    ) throws(ONNXRuntimeError) {
        self.library = library
        let table = library.api.table
        // Never released (a small object for each environment made): the process's one state keeps the sink it was made
        // with, and may outlive the environment that made it, if another one shares it.
        let sink = Unmanaged.passRetained(LogSink(logger: logger)).toOpaque()
        handle = try library.api.make("CreateEnv", for: "the process", release: daris_ort_release_env) {
            daris_ort_create_env_with_custom_logger(table, LogSink.function, sink, severity.rawValue, "daris", &$0)
        }
    }
}

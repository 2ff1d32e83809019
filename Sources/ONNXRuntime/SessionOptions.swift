import CONNXRuntime

/// The options of a session.
///
/// The defaults suit a lane of a real-time scheduler: everything runs on the calling thread, and threads of a pool do
/// not spin while they wait.
package struct SessionOptions: Sendable {
    /// The level to which ONNX Runtime optimises a graph before it runs.
    package enum OptimizationLevel: Int32, Sendable {
        /// Not at all.
        case none = 0
        /// Rewrites that keep the operators, such as folding constants.
        case basic = 1
        /// Also fusions of operators.
        case extended = 2
        /// Also changes of memory layout.
        case all = 99
    }

    /// The threads that share the work of one operator, the calling one included; 0 for one a core. With 1 there is no
    /// pool: a run stays on the calling thread.
    package var intraOpThreads = 1
    /// The level of optimisation.
    package var optimizationLevel = OptimizationLevel.all
    /// The cores of the pool's threads: one entry for each thread but the calling one, separated by `;`, each a list
    /// such as `2,3` or a range such as `2-3` of logical processors counted from 1. `nil` leaves them to the system.
    package var intraOpThreadAffinities: String?
    /// The start of the path to which the session writes the times of its operators; ONNX Runtime adds a date and
    /// `.json`. See ``Session/endProfiling()``.
    package var profilePrefix: String?
    /// The lowest severity of the session's log lines, if it differs from the environment's.
    package var logSeverity: LogSeverity?
    /// Extents for dimensions that the model only names, such as `["batch": 4]`. A fixed extent lets ONNX Runtime plan
    /// more.
    package var freeDimensionOverrides: [String: Int] = [:]
    /// The GPU provider that runs the session's operators, with the CPU for the rest; `nil` for the CPU alone.
    package var cuda: CUDAProvider?
    /// The provider that compiles operators for the GPU; it goes before ``cuda``, which runs what it leaves.
    package var tensorRT: TensorRTProvider?
    /// Further entries of ONNX Runtime's session configuration, such as `session.set_denormal_as_zero`.
    package var configEntries: [String: String] = [:]

    /// The defaults.
    package init() {}
}

extension SessionOptions {
    /// ONNX Runtime's form of these options.
    ///
    /// - Parameters:
    ///   - api: The library.
    ///   - subject: The model, for messages.
    func makeNative(api: API, subject: String) throws(ONNXRuntimeError) -> Handle {
        let table = api.table
        let native = try api.make("CreateSessionOptions", for: subject, release: daris_ort_release_session_options) {
            daris_ort_create_session_options(table, &$0)
        }
        let options = native.pointer
        try api.check(
            daris_ort_set_intra_op_threads(table, options, Int32(clamping: intraOpThreads)), "SetIntraOpNumThreads",
            subject)

        try api.check(
            daris_ort_set_optimization_level(table, options, optimizationLevel.rawValue),
            "SetSessionGraphOptimizationLevel", subject)

        if let profilePrefix {
            try api.check(daris_ort_enable_profiling(table, options, profilePrefix), "EnableProfiling", subject)
        }
        if let logSeverity {
            try api.check(
                daris_ort_set_log_severity(table, options, logSeverity.rawValue), "SetSessionLogSeverityLevel", subject)
        }
        for (dimension, extent) in freeDimensionOverrides {
            try api.check(
                daris_ort_override_free_dimension(table, options, dimension, Int64(extent)),
                "AddFreeDimensionOverrideByName", subject)
        }

        for (key, value) in allConfigEntries {
            try api.check(
                daris_ort_add_session_config_entry(table, options, key, value), "AddSessionConfigEntry",
                "the option '\(key)' of \(subject)")
        }
        try tensorRT?.append(to: options, api: api, subject: subject)
        try cuda?.append(to: options, api: api, subject: subject)
        return native
    }

    /// ``configEntries`` with the defaults, which they override.
    private var allConfigEntries: [String: String] {
        var entries = ["session.intra_op.allow_spinning": "0"]
        if let intraOpThreadAffinities {
            entries["session.intra_op_thread_affinities"] = intraOpThreadAffinities
        }
        return entries.merging(configEntries) { _, given in given }
    }
}

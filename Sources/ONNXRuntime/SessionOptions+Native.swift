import CONNXRuntime

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
            daris_ort_set_inter_op_threads(table, options, Int32(clamping: interOpThreads)), "SetInterOpNumThreads",
            subject)
        try api.check(
            daris_ort_set_optimization_level(table, options, optimizationLevel.rawValue),
            "SetSessionGraphOptimizationLevel", subject)
        try api.check(
            daris_ort_set_execution_mode(table, options, executionMode.rawValue), "SetSessionExecutionMode", subject)
        if !usesMemoryPattern {
            try api.check(daris_ort_disable_memory_pattern(table, options), "DisableMemPattern", subject)
        }
        if !usesArena { try api.check(daris_ort_disable_cpu_arena(table, options), "DisableCpuMemArena", subject) }
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
        for (name, tensor) in initializers {
            try api.check(
                daris_ort_add_initializer(table, options, name, tensor.handle.pointer), "AddInitializer",
                "the weight '\(name)' of \(subject)")
        }
        for (key, value) in allConfigEntries {
            try api.check(
                daris_ort_add_session_config_entry(table, options, key, value), "AddSessionConfigEntry",
                "the option '\(key)' of \(subject)")
        }
        try cuda?.append(to: options, api: api, subject: subject)
        return native
    }

    /// The entries given, with those that have a property of their own; an entry given wins.
    private var allConfigEntries: [String: String] {
        let spinning = allowsSpinning ? "1" : "0"
        var entries = [
            "session.intra_op.allow_spinning": spinning,
            "session.inter_op.allow_spinning": spinning,
        ]
        if let intraOpThreadAffinities {
            entries["session.intra_op_thread_affinities"] = intraOpThreadAffinities
        }
        return entries.merging(configEntries) { _, given in given }
    }
}

import CONNXRuntime

/// Options of a run, and a way to stop it.
///
/// The entries are set once, when the options are made. Afterwards only the wish to stop changes, which ONNX Runtime
/// lets any thread set while runs go on. The same options may serve any number of runs, one after another or at once.
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

    /// Asks every run with these options to stop soon, with an error; those to come, too, until ``resume()``.
    package func terminate() throws(ONNXRuntimeError) {
        try handle.api.check(
            daris_ort_set_terminate(handle.api.table, handle.pointer), "RunOptionsSetTerminate", "run options")
    }

    /// Takes back ``terminate()`` for runs to come.
    package func resume() throws(ONNXRuntimeError) {
        try handle.api.check(
            daris_ort_unset_terminate(handle.api.table, handle.pointer), "RunOptionsUnsetTerminate", "run options")
    }
}

import CONNXRuntime

/// A store of weights that were rearranged for the CPU's kernels, shared by the sessions made with it.
///
/// Without it each session rearranges its own copy, even of weights given as ``SessionOptions/initializers``: with 52
/// MiB of them a further session takes 52 MiB more, and less than 1 MiB with this store. Only weights given as
/// ``SessionOptions/initializers`` are shared. ONNX Runtime guards the store with a lock of its own while a session is
/// made, and only reads it later; each session keeps it alive.
package final class PrepackedWeights: Sendable {
    let handle: Handle

    /// An empty store.
    package init(library: ONNXRuntimeLibrary) throws(ONNXRuntimeError) {
        let table = library.api.table
        handle = try library.api.make(
            "CreatePrepackedWeightsContainer", for: "prepacked weights", release: daris_ort_release_prepacked_weights
        ) { daris_ort_create_prepacked_weights(table, &$0) }
    }
}

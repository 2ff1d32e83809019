import CCUDADriver

/// Captured work, ready to be launched as a whole, as often as wanted.
///
/// Launches of one executable graph do not overlap: a later one waits for an earlier one, whatever their streams.
package final class ExecutableGraph: Sendable {
    /// The context of the work.
    package let context: CUDAContext

    private let handle: CUDAHandle
    private let hostFunctions: [HostFunction]

    init(_ graph: CUDAGraph, flags: UInt64) throws(CUDAError) {
        let context = graph.context
        let functions = context.library.functions
        try context.makeCurrent()
        handle = try context.make(
            "cuGraphInstantiateWithFlags", "making a graph executable", release: functions.destroy_executable_graph
        ) { functions.instantiate_graph($0, graph.handle.pointer, flags) }
        self.context = context
        hostFunctions = graph.hostFunctions
    }

    deinit {
        // A launch that goes on may still call them.
        if !hostFunctions.isEmpty { try? context.synchronize() }
    }

    /// Puts all of the work on a stream.
    package func launch(on stream: CUDAStream) throws(CUDAError) {
        try context.library.check(
            context.library.functions.launch_graph(handle.pointer, stream.handle.pointer), "cuGraphLaunch",
            "launching a graph")
    }
}

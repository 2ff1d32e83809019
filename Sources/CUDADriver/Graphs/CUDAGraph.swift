import CCUDADriver

/// Captured work: copies, kernels and host functions, and which waits for which.
public final class CUDAGraph: Sendable {
    /// The context of the work.
    public let context: CUDAContext
    /// The number of pieces of work.
    public let nodeCount: Int

    let handle: CUDAHandle
    let hostFunctions: [HostFunction]

    init(_ handle: consuming CUDAHandle, hostFunctions: [HostFunction]) throws(CUDAError) {
        let context = handle.context
        var count = 0
        try context.library.check(
            context.library.functions.graph_nodes(handle.pointer, nil, &count), "cuGraphGetNodes", "reading a graph")
        self.context = context
        self.handle = handle
        self.hostFunctions = hostFunctions
        nodeCount = count
    }

    /// A form of the graph that can be launched. It does not need the graph any more.
    public func instantiate() throws(CUDAError) -> ExecutableGraph {
        try ExecutableGraph(self)
    }
}

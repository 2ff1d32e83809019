import CCUDADriver

/// Captured work: copies, kernels and host functions, and which waits for which.
public final class CUDAGraph: Sendable {
    /// The context of the work.
    public let context: CUDAContext
    /// The number of pieces of work.
    public let nodeCount: Int

    let handle: CUDAHandle
    let hostFunctions: [HostFunction]

    /// How many of them are calls of the host.
    public let hostFunctionCount: Int
    /// Names of nodes, good as long as the graph.
    nonisolated(unsafe) private let kernels: [OpaquePointer]

    init(_ handle: consuming CUDAHandle, hostFunctions: [HostFunction]) throws(CUDAError) {
        let context = handle.context
        let functions = context.library.functions
        let purpose: StaticString = "reading a graph"
        var count = 0
        try context.library.check(functions.graph_nodes(handle.pointer, nil, &count), "cuGraphGetNodes", purpose)
        var nodes = [OpaquePointer?](repeating: nil, count: count)
        var kernels: [OpaquePointer] = []
        var calls = 0
        if count > 0 {
            try context.library.check(functions.graph_nodes(handle.pointer, &nodes, &count), "cuGraphGetNodes", purpose)
            for case let node? in nodes.prefix(count) {
                var type: Int32 = 0
                try context.library.check(functions.graph_node_type(node, &type), "cuGraphNodeGetType", purpose)
                if type == DARIS_CUDA_NODE_KERNEL { kernels.append(node) }
                if type == DARIS_CUDA_NODE_HOST { calls += 1 }
            }
        }
        hostFunctionCount = calls
        self.kernels = kernels
        self.context = context
        self.handle = handle
        self.hostFunctions = hostFunctions
        nodeCount = count
    }

    /// Gives every kernel of the graph a priority, of which a stream's are the range; executable forms made from now on
    /// have it. Drivers before CUDA 11.7 do not know it.
    ///
    /// - Returns: whether the driver took it.
    public func setKernelPriority(_ priority: Int) -> Bool {
        guard let set = context.library.functions.set_kernel_node_attribute else { return false }
        var value = DarisCudaKernelAttribute()
        value.priority = Int32(clamping: priority)
        return kernels.allSatisfy { set($0, Int32(DARIS_CUDA_KERNEL_PRIORITY), &value) == DARIS_CUDA_SUCCESS }
    }

    /// A form of the graph that can be launched. It does not need the graph any more.
    public func instantiate() throws(CUDAError) -> ExecutableGraph {
        try ExecutableGraph(self)
    }
}

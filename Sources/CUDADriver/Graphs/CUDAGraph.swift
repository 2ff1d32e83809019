import CCUDADriver
import Synchronization

/// Captured work: copies, kernels and host functions, and which waits for which.
public final class CUDAGraph: Sendable {
    /// The context of the work.
    public let context: CUDAContext
    /// The number of pieces of work.
    public let nodeCount: Int

    let handle: CUDAHandle
    let hostFunctions: [HostFunction]

    /// Names of nodes, good as long as the graph.
    nonisolated(unsafe) private let kernels: [OpaquePointer]
    /// The calls of the host, in the order of the driver.
    private let calls: Mutex<[Node]>

    /// A node's name, which any thread may use.
    private struct Node: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    /// How many pieces are calls of the host.
    public var hostFunctionCount: Int { calls.withLock { $0.count } }

    init(_ handle: consuming CUDAHandle, hostFunctions: [HostFunction]) throws(CUDAError) {
        let context = handle.context
        let functions = context.library.functions
        let purpose: StaticString = "reading a graph"
        var count = 0
        try context.library.check(functions.graph_nodes(handle.pointer, nil, &count), "cuGraphGetNodes", purpose)
        var nodes = [OpaquePointer?](repeating: nil, count: count)
        var kernels: [OpaquePointer] = []
        var calls: [Node] = []
        if count > 0 {
            try context.library.check(functions.graph_nodes(handle.pointer, &nodes, &count), "cuGraphGetNodes", purpose)
            for case let node? in nodes.prefix(count) {
                var type: Int32 = 0
                try context.library.check(functions.graph_node_type(node, &type), "cuGraphNodeGetType", purpose)
                if type == DARIS_CUDA_NODE_KERNEL { kernels.append(node) }
                if type == DARIS_CUDA_NODE_HOST { calls.append(Node(pointer: node)) }
            }
        }
        self.calls = Mutex(calls)
        self.kernels = kernels
        self.context = context
        self.handle = handle
        self.hostFunctions = hostFunctions
        nodeCount = count
    }

    /// Gives every kernel of the graph a priority, of which a stream's are the range; executable forms made from now on
    /// with their kernels' priorities have it. Drivers before CUDA 11.7 do not know it.
    ///
    /// - Returns: whether the driver took it.
    public func setKernelPriority(_ priority: Int) -> Bool {
        guard let set = context.library.functions.set_kernel_node_attribute else { return false }
        var value = DarisCudaKernelAttribute()
        value.priority = Int32(clamping: priority)
        return kernels.allSatisfy { set($0, Int32(DARIS_CUDA_KERNEL_PRIORITY), &value) == DARIS_CUDA_SUCCESS }
    }

    /// Takes out the calls of the host that nothing else waits for: a library that frees its buffers in them frees them
    /// never, and the rest can be launched again and again.
    ///
    /// - Throws: ``CUDAError`` if the driver does not let go of a node, as in graphs that allocate memory.
    public func dropFinalHostFunctions() throws(CUDAError) {
        let library = context.library
        let functions = library.functions
        guard let dependents = functions.graph_node_dependents, let destroy = functions.destroy_graph_node else {
            return
        }
        var calls = calls.withLock { $0 }
        defer { self.calls.withLock { $0 = calls } }
        // A call may wait for another.
        var isDone = false
        while !isDone {
            isDone = true
            for (index, call) in calls.enumerated().reversed() {
                var count = 0
                try library.check(
                    dependents(call.pointer, nil, &count), "cuGraphNodeGetDependentNodes", "reading a graph")
                guard count == 0 else { continue }
                try library.check(
                    destroy(call.pointer), "cuGraphDestroyNode", "taking a call of the host out of a graph")
                calls.remove(at: index)
                isDone = false
            }
        }
    }

    /// A form of the graph that can be launched. It does not need the graph any more.
    ///
    /// - Parameter usingKernelPriorities: whether kernels go by what ``setKernelPriority(_:)`` gave them, not by the
    ///   priority of the stream that they are launched on.
    public func instantiate(usingKernelPriorities: Bool = false) throws(CUDAError) -> ExecutableGraph {
        try ExecutableGraph(self, flags: usingKernelPriorities ? UInt64(DARIS_CUDA_USE_NODE_PRIORITY) : 0)
    }
}

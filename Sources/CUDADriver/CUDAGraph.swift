import CCUDADriver
import Synchronization

/// Captured work: copies, kernels and host functions, and which waits for which.
package final class CUDAGraph: Sendable {
    /// The context of the work.
    package let context: CUDAContext
    /// The number of pieces of work.
    package let nodeCount: Int

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
    package var hostFunctionCount: Int { calls.withLock { $0.count } }

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
    package func setKernelPriority(_ priority: Int) -> Bool {
        guard let set = context.library.functions.set_kernel_node_attribute else { return false }
        var value = DarisCudaKernelAttribute()
        value.priority = Int32(clamping: priority)
        return kernels.allSatisfy { set($0, Int32(DARIS_CUDA_KERNEL_PRIORITY), &value) == DARIS_CUDA_SUCCESS }
    }

    /// Takes out the calls of the host that nothing else waits for: a library that frees its buffers in them frees them
    /// never, and the rest can be launched again and again.
    ///
    /// - Parameter kernel: whether one kernel that follows the library's work, at the very end, may wait for them; it then
    ///   waits for what they waited for.
    /// - Throws: ``CUDAError`` if the driver does not let go of a node, as in graphs that allocate memory.
    package func dropFinalHostFunctions(before kernel: Bool = false) throws(CUDAError) {
        let functions = context.library.functions
        guard functions.graph_node_dependents != nil, functions.graph_node_dependencies != nil,
            functions.add_graph_dependencies != nil, functions.destroy_graph_node != nil
        else { return }
        var calls = calls.withLock { $0 }
        guard !calls.isEmpty else { return }
        defer { self.calls.withLock { $0 = calls } }
        var ends: [OpaquePointer] = []
        for kernel in kernels where try dependents(of: kernel).isEmpty {
            ends.append(kernel)
        }
        let last = kernel && ends.count == 1 ? ends.first : nil
        // A call may wait for another.
        var isDone = false
        while !isDone {
            isDone = true
            for (index, call) in calls.enumerated().reversed() {
                let waiting = try dependents(of: call.pointer)
                guard waiting.allSatisfy({ $0 == last }) else { continue }
                if let last, !waiting.isEmpty { try join(before: call.pointer, to: last) }
                try context.library.check(
                    functions.destroy_graph_node(call.pointer), "cuGraphDestroyNode",
                    "taking a call of the host out of a graph")
                calls.remove(at: index)
                isDone = false
            }
        }
    }

    /// Has a node wait for what another, which is about to go, waits for.
    private func join(before node: OpaquePointer, to last: OpaquePointer) throws(CUDAError) {
        let functions = context.library.functions
        func dependencies(_ node: OpaquePointer) throws(CUDAError) -> [OpaquePointer] {
            try neighbours(of: node, functions.graph_node_dependencies, "cuGraphNodeGetDependencies")
        }
        let present = try dependencies(last)
        for before in try dependencies(node) where !present.contains(before) {
            var (from, to): (OpaquePointer?, OpaquePointer?) = (before, last)
            try context.library.check(
                functions.add_graph_dependencies(handle.pointer, &from, &to, 1), "cuGraphAddDependencies",
                "joining the ends of a graph")
        }
    }

    /// The nodes that wait for a node.
    private func dependents(of node: OpaquePointer) throws(CUDAError) -> [OpaquePointer] {
        try neighbours(of: node, context.library.functions.graph_node_dependents, "cuGraphNodeGetDependentNodes")
    }

    private func neighbours(
        of node: OpaquePointer,
        _ ask: (OpaquePointer?, UnsafeMutablePointer<OpaquePointer?>?, UnsafeMutablePointer<Int>?) -> DarisCudaResult,
        _ call: StaticString
    ) throws(CUDAError) -> [OpaquePointer] {
        var count = 0
        try context.library.check(ask(node, nil, &count), call, "reading a graph")
        guard count > 0 else { return [] }
        var nodes = [OpaquePointer?](repeating: nil, count: count)
        try context.library.check(ask(node, &nodes, &count), call, "reading a graph")
        return nodes.prefix(count).compactMap { $0 }
    }

    /// A form of the graph that can be launched. It does not need the graph any more.
    ///
    /// - Parameter usingKernelPriorities: whether kernels go by what ``setKernelPriority(_:)`` gave them, not by the
    ///   priority of the stream that they are launched on.
    package func instantiate(usingKernelPriorities: Bool = false) throws(CUDAError) -> ExecutableGraph {
        try ExecutableGraph(self, flags: usingKernelPriorities ? UInt64(DARIS_CUDA_USE_NODE_PRIORITY) : 0)
    }
}

import CCUDADriver
import Synchronization

/// Captured work: copies, kernels and host functions, with their dependencies.
package final class CUDAGraph: Sendable {
    /// The context of the work.
    package let context: CUDAContext
    /// The number of nodes.
    package let nodeCount: Int

    let handle: CUDAHandle
    let hostFunctions: [HostFunction]

    /// The kernel nodes, valid as long as the graph.
    nonisolated(unsafe) private let kernels: [OpaquePointer]
    /// The host function nodes, in the driver's order.
    private let calls: Mutex<[Node]>

    /// A pointer to a node, which any thread may use.
    private struct Node: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    /// The number of host function nodes.
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

    /// Sets the priority of every kernel, in the range of a stream's. It holds for executable graphs that are made
    /// later with their kernels' priorities. Drivers before CUDA 11.7 do not support it.
    ///
    /// - Returns: Whether the driver accepted it.
    package func setKernelPriority(_ priority: Int) -> Bool {
        guard let set = context.library.functions.set_kernel_node_attribute else { return false }
        var value = DarisCudaKernelAttribute()
        value.priority = Int32(clamping: priority)
        return kernels.allSatisfy { set($0, Int32(DARIS_CUDA_KERNEL_PRIORITY), &value) == DARIS_CUDA_SUCCESS }
    }

    /// Removes the host functions that nothing else waits for. A library that frees buffers in them then keeps the
    /// buffers, so the rest of the graph can be launched many times.
    ///
    /// - Parameter kernel: Whether one final kernel, after the library's work, may wait for them. It then waits for
    ///   what they waited for.
    /// - Throws: ``CUDAError`` if the driver refuses to remove a node, as in graphs that allocate memory.
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
        // A host function may wait for another.
        var isDone = false
        while !isDone {
            isDone = true
            for (index, call) in calls.enumerated().reversed() {
                let waiting = try dependents(of: call.pointer)
                guard waiting.allSatisfy({ $0 == last }) else { continue }
                if let last, !waiting.isEmpty { try join(before: call.pointer, to: last) }
                try context.library.check(
                    functions.destroy_graph_node(call.pointer), "cuGraphDestroyNode",
                    "removing a host function from a graph")
                calls.remove(at: index)
                isDone = false
            }
        }
    }

    /// Makes `last` wait for what `node`, which will be removed, waits for.
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

    /// Makes an executable graph, which does not need this one any more.
    ///
    /// - Parameter usingKernelPriorities: Whether kernels have the priority of ``setKernelPriority(_:)``, not that of
    ///   the stream that they are launched on.
    package func instantiate(usingKernelPriorities: Bool = false) throws(CUDAError) -> ExecutableGraph {
        try ExecutableGraph(self, flags: usingKernelPriorities ? UInt64(DARIS_CUDA_USE_NODE_PRIORITY) : 0)
    }
}

/// Captured work that can be launched as a whole, any number of times.
///
/// Launches of one executable graph do not overlap, not even on different streams.
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
        // A launch in progress may still call them.
        if !hostFunctions.isEmpty { try? context.synchronize() }
    }

    /// Enqueues all of the work on a stream.
    package func launch(on stream: CUDAStream) throws(CUDAError) {
        try context.library.check(
            context.library.functions.launch_graph(handle.pointer, stream.handle.pointer), "cuGraphLaunch",
            "launching a graph")
    }
}

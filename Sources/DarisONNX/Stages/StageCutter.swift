/// Cuts a model into stages.
///
/// ```swift
/// let cutter = StageCutter(try ModelGraph(model))
/// let positions = try cutter.cutPositions(stages: 4, costs: nanoseconds, bytes: sizes)
/// let carried = cutter.graph.carriedTensors(at: positions)  // ask ONNX Runtime for their types
/// let stages = try cutter.cut(at: positions, boundaryTypes: types)
/// ```
package struct StageCutter: Sendable {
    /// The graph of the model to cut.
    package let graph: ModelGraph

    /// A cutter of a model's graph.
    package init(_ graph: ModelGraph) { self.graph = graph }

    /// The cuts with the shortest longest stage and, among these, the fewest bytes across cuts.
    ///
    /// Nodes that ONNX Runtime fuses (``ModelGraph/fusedPositions``) stay together, unless that leaves too few places
    /// to cut.
    ///
    /// - Parameters:
    ///   - stages: The number of stages, from 1 to the number of scheduled nodes.
    ///   - costs: The execution time of each of the graph's nodes in nanoseconds.
    ///   - bytes: The size of each computed tensor; a missing one counts as 0.
    ///   - tolerance: The share by which the longest stage may be longer than necessary, if fewer bytes cross.
    /// - Returns: `stages - 1` positions: each stage but the first starts with the node at one of them.
    /// - Complexity: O(n · (log C + stages)) for n nodes of total cost C.
    package func cutPositions(
        stages: Int, costs: [Int64], bytes: [String: Int] = [:], tolerance: Double = 0
    ) throws(ONNXError) -> [Int] {
        let count = graph.nodes.count
        guard stages >= 1, stages <= max(1, count) else { throw .stageCount(requested: stages, nodes: count) }
        guard costs.count == count else { throw .costCount(given: costs.count, nodes: count) }
        if let negative = costs.firstIndex(where: { $0 < 0 }) { throw .negativeCost(node: graph.nodes[negative].name) }
        guard stages > 1 else { return [] }
        let liveBytes = graph.liveBytes(bytes: bytes)
        let fused = graph.fusedPositions
        var partition = StagePartition(costs: costs, liveBytes: liveBytes) { !fused.contains($0) }
        if partition.largestStageCount < stages {
            partition = StagePartition(costs: costs, liveBytes: liveBytes) { _ in true }
        }
        return partition.cuts(stages: stages, tolerance: max(0, tolerance))
    }

    /// Cuts the model before the nodes at the given positions.
    ///
    /// Each stage has the model's operator sets, version and local functions, the weights that it needs, and its own
    /// copies of the constant nodes that it needs.
    ///
    /// - Parameters:
    ///   - positions: Strictly ascending, from 1 to the number of scheduled nodes less 1; none for a single stage.
    ///   - boundaryTypes: The types of ``ModelGraph/carriedTensors(at:)``. If one is missing, the model's `value_info`
    ///     is used. A shape without dimensions counts as unknown, since ONNX Runtime does not distinguish the two.
    /// - Throws: ``ONNXError/cutPositions(positions:nodes:)``, or ``ONNXError/unknownType(tensor:)`` if neither has the
    ///   type of a carried tensor.
    package func cut(
        at positions: [Int], boundaryTypes: [String: TensorDescription] = [:]
    ) throws(ONNXError) -> [Stage] {
        let count = graph.nodes.count
        let bounds = [0] + positions + [count]
        guard positions.isEmpty || zip(bounds, bounds.dropFirst()).allSatisfy(<) else {
            throw .cutPositions(positions: positions, nodes: count)
        }
        let builder = StageBuilder(graph, boundaryTypes: boundaryTypes)
        var stages: [Stage] = []
        for index in 0...positions.count {
            stages.append(
                try builder.stage(index, nodes: bounds[index]..<bounds[index + 1], isLast: index == positions.count))
        }
        return stages
    }

    /// The stages with the shortest longest one and, among these, the fewest bytes across cuts, that consecutive parts of a model
    /// can be joined to.
    ///
    /// - Parameters:
    ///   - stages: The number of stages, from 1 to the number of parts.
    ///   - times: What each part takes in nanoseconds, not negative.
    ///   - bytesAfter: The bytes that cross a cut after each part.
    ///   - tolerance: The share by which the longest stage may be longer than necessary, if fewer bytes cross.
    /// - Returns: The index of the first part of each stage but the first.
    package static func join(stages: Int, times: [Int64], bytesAfter: [Int], tolerance: Double = 0) -> [Int] {
        precondition(times.count == bytesAfter.count, "one time and one number of bytes a part")
        let partition = StagePartition(costs: times, liveBytes: [0] + bytesAfter) { _ in true }
        return partition.cuts(stages: stages, tolerance: max(0, tolerance))
    }
}

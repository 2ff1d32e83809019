extension ModelGraph {
    /// The positions at which a cut would part two nodes that ONNX Runtime runs as one, such as a convolution and its
    /// activation. A cut there costs time in both stages, so it is made only if nothing else will do.
    ///
    /// A pair counts if the second node directly follows the first in the schedule and is all that reads its result:
    /// a convolution, Gemm or batch normalisation before a batch normalisation or an activation, and before an addition
    /// that a Relu follows in the same way, of which the addition and the Relu are a pair too.
    package var fusedPositions: Set<Int> {
        var positions: Set<Int> = []
        for position in nodes.indices.dropFirst() where feeds(position) {
            let (first, second) = (nodes[position - 1].operatorName, nodes[position].operatorName)
            if Self.producers.contains(first), Self.followers.contains(second) {
                positions.insert(position)
            }
            if first == "Add", second == "Relu" {
                positions.insert(position)
                if position >= 2, Self.producers.contains(nodes[position - 2].operatorName), feeds(position - 1) {
                    positions.insert(position - 1)
                }
            }
        }
        return positions
    }

    /// Whether the node at `position` is all that reads what the node before it makes.
    private func feeds(_ position: Int) -> Bool {
        let made = nodes[position - 1].outputs.compactMap { tensorIndex[$0] }.map { tensors[$0] }
        return !made.isEmpty
            && made.allSatisfy { !$0.isOutput && $0.readerCount <= 1 && $0.lastReader <= position }
            && made.contains { $0.readerCount == 1 && $0.lastReader == position }
    }

    private static let producers: Set<String> = ["Conv", "Gemm", "ConvTranspose", "BatchNormalization"]
    private static let followers: Set<String> = ["BatchNormalization", "Relu", "Clip", "Sigmoid", "LeakyRelu"]
}

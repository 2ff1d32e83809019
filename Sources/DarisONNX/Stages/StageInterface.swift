/// What a stage reads, makes and runs. The runtime keeps a job's tensors by name: a tensor that a stage does not use
/// itself is not routed through it.
package struct StageInterface: Hashable, Sendable {
    /// The stage's place among the stages, from 0 on.
    package let index: Int
    /// The model's inputs that the stage reads, in the model's order. The first stage also lists those that no stage
    /// reads, so that no input of the model is lost.
    package let modelInputs: [String]
    /// The tensors of earlier stages that the stage reads, in the order in which they are made.
    package let carriedInputs: [String]
    /// The model's outputs that the stage makes, in the model's order.
    package let modelOutputs: [String]
    /// The tensors the stage makes that later stages read, in the order in which they are made. One that is also an
    /// output of the model is in both lists.
    package let carriedOutputs: [String]
    /// The names of the nodes the stage runs, in order, without copies of constant nodes.
    package let nodes: [String]

    /// All inputs of the stage's graph, in its order: the model's, then the carried ones.
    package var inputs: [String] { modelInputs + carriedInputs }

    /// All outputs of the stage's graph, in its order: the model's, then those carried only.
    package var outputs: [String] { modelOutputs + carriedOutputs.filter { !modelOutputs.contains($0) } }
}

/// Into how many stages a model is cut.
package enum StageCount: Hashable, Sendable, Codable {
    /// This many, 1 to 64.
    case fixed(Int)
    /// As many as suit the model, chosen when it is loaded.
    case auto

    /// The most stages that `auto` leads to.
    package static let automaticLimit = 32
    /// The share of the shortest period that one stage may take under `auto`, alone.
    package static let automaticShare = 0.1
    /// The stages of `auto` on a GPU, where models are cut in proportion to the CPU's times, which say nothing of how long
    /// a stage takes there: as many as the paper's ResNet18 has.
    package static let automaticOnGPU = 4
}

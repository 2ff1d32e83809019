/// A network that tasks can run: where it comes from and how it is cut.
///
/// ```yaml
/// models:
///   resnet18: {builtin: resnet18, stages: 4}
///   segment:  {file: models/unet.onnx, stages: auto, dimensions: {height: 256}}
/// ```
package struct ModelDeclaration: Hashable, Sendable, Codable {
    /// Where a network comes from.
    package enum Source: Hashable, Sendable, Codable {
        /// One of `builtins`, with seeded random weights.
        case builtin(String)
        /// An ONNX file; its path is relative to the working folder, or absolute.
        case file(String)
    }

    /// The networks that need no file.
    package static let builtins = ["resnet18", "resnet50", "unet", "inception_v3"]

    /// The name tasks use; unique in a task set.
    package var name: String
    /// Where the network comes from.
    package var source: Source
    /// Into how many stages it is cut.
    package var stages: StageCount
    /// The values of the symbolic dimensions of a file's inputs, other than the batch.
    package var dimensions: [String: Int]
    /// The seed of the weights of a built-in network.
    package var seed: UInt64

    /// A model cut as `stages` says.
    package init(
        name: String, source: Source, stages: StageCount = .auto, dimensions: [String: Int] = [:], seed: UInt64 = 1
    ) {
        self.name = name
        self.source = source
        self.stages = stages
        self.dimensions = dimensions
        self.seed = seed
    }
}

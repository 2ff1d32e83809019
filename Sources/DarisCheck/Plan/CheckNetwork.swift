public import DarisConfiguration
import DarisSimulator

/// A network of a check: where it comes from and how it is cut.
public struct CheckNetwork: Hashable, Sendable {
    /// Its name.
    public var name: String
    /// Where it comes from.
    public var source: ModelDeclaration.Source
    /// The stages it is cut into.
    public var stages: Int

    /// A network.
    public init(name: String, source: ModelDeclaration.Source, stages: Int) {
        self.name = name
        self.source = source
        self.stages = stages
    }

    /// The built-in networks, cut as in the paper; ResNet50, which has no task set there, into six.
    public static let builtins = ModelDeclaration.builtins.map { name in
        let paper = PaperTaskSet.allCases.first { $0.network == name }
        return CheckNetwork(name: name, source: .builtin(name), stages: paper?.stages ?? 6)
    }

    /// It as a task set declares it, cut into `stages` stages if given.
    func declaration(stages other: Int? = nil) -> ModelDeclaration {
        ModelDeclaration(name: name, source: source, stages: .fixed(other ?? stages))
    }
}

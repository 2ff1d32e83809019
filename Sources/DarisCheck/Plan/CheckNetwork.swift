import DarisConfiguration
import DarisSimulator

/// A network of a check: where it comes from and how it is cut.
package struct CheckNetwork: Hashable, Sendable {
    /// Its name.
    package var name: String
    /// Where it comes from.
    package var source: ModelDeclaration.Source
    /// The stages it is cut into.
    package var stages: Int

    /// A network.
    package init(name: String, source: ModelDeclaration.Source, stages: Int) {
        self.name = name
        self.source = source
        self.stages = stages
    }

    /// The built-in networks, cut as in the paper; ResNet50, which has no task set there, into six.
    package static let builtins = ModelDeclaration.builtins.map { name in
        let paper = PaperTaskSet.allCases.first { $0.network == name }
        return CheckNetwork(name: name, source: .builtin(name), stages: paper?.stages ?? 6)
    }

    /// It as a task set declares it, cut into `stages` stages if given.
    func declaration(stages other: Int? = nil) -> ModelDeclaration {
        ModelDeclaration(name: name, source: source, stages: .fixed(other ?? stages))
    }
}

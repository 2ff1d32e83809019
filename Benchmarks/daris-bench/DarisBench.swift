import ArgumentParser

/// Measurements of Daris itself. One file a subcommand.
@main
struct DarisBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daris-bench", abstract: "Measures Daris itself.",
        subcommands: [
            Decisions.self, SimulationSpeed.self, Saturation.self, Isolated.self,
        ])
}

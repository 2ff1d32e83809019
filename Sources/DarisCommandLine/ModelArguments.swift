import ArgumentParser
import DarisConfiguration
import DarisCore
import DarisRuntime
import Foundation

/// A model on the command line, and into how many stages it is cut.
struct ModelArguments: ParsableArguments {
    @Argument(help: "An ONNX file, or a built-in network (daris model list).")
    var model: String
    @Option(
        help: ArgumentHelp(
            "How many stages, or auto: as few as keep each within a tenth of the period.", valueName: "n"))
    var stages = "auto"
    @Option(help: ArgumentHelp("The shortest period of the tasks, for --stages auto.", valueName: "100ms"))
    var period = "100 ms"
    @Option(
        name: .customLong("dimension"),
        help: ArgumentHelp("The value of a symbolic dimension; may be given again.", valueName: "name=value"))
    var dimensions: [String] = []
    @Option(help: ArgumentHelp("Seed of a built-in network's weights.", valueName: "n"))
    var seed: UInt64 = 1

    /// The model as a task set would declare it.
    func declaration() throws -> ModelDeclaration {
        var values: [String: Int] = [:]
        for entry in dimensions {
            let parts = entry.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let value = Int(parts[1]), value > 0 else {
                throw Failure.usage("--dimension: '\(entry)' is not name=value with a positive whole number")
            }
            values[String(parts[0])] = value
        }
        let isFile = FileManager.default.fileExists(atPath: model)
        let isBuiltin = !isFile && ModelDeclaration.builtins.contains(model)
        guard isFile || isBuiltin else {
            let builtins = ModelDeclaration.builtins
            throw Failure.usage(
                "\(model): there is no such file, nor a built-in network of that name;"
                    + "\(Spelling.suggestion(for: model, among: builtins)) built in are \(builtins.joined(separator: ", "))"
            )
        }
        return ModelDeclaration(
            name: isBuiltin ? model : URL(fileURLWithPath: model).deletingPathExtension().lastPathComponent,
            source: isBuiltin ? .builtin(model) : .file(model), stages: try stageCount(), dimensions: values, seed: seed
        )
    }

    /// The shortest period, for an automatic number of stages.
    func shortestPeriod() throws -> Nanoseconds {
        do { return try Quantity.parseDuration(period, field: "--period") } catch { throw Failure.usage(error) }
    }

    private func stageCount() throws -> StageCount {
        if stages == "auto" { return .auto }
        guard let count = Int(stages), (1...64).contains(count) else {
            throw Failure.usage("--stages: '\(stages)' is neither auto nor a whole number from 1 to 64")
        }
        return .fixed(count)
    }
}

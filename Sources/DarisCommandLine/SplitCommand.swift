import ArgumentParser
import DarisConfiguration
import DarisCore
import DarisReport
import DarisRuntime
import Foundation

/// `daris split MODEL`.
struct SplitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "split",
        abstract: "Cut a model into stages of about equal time.",
        discussion: """
            Writes stage-0.onnx … and stages.json (order, tensors, measured times, bytes carried) into a folder. Run one \
            after the other, the stages compute what the model computes.

            Example: daris split model.onnx --stages 3 -o stages
            """)

    @OptionGroup var arguments: ModelArguments
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The folder to write to; it is made if need be (default: MODEL-stages).", valueName: "folder"))
    var output: String?
    @Flag(help: "Measure anew.")
    var fresh = false
    @Flag(help: "Print stages.json instead of a table.")
    var json = false

    func run() throws {
        let declaration = try arguments.declaration()
        let period = try arguments.shortestPeriod()
        let folder = output ?? "\(declaration.name)-stages"
        // Made before anything is measured, so that nothing is measured in vain.
        let isNew = try OutputFolder.make(folder)
        let staged: StagedModel
        do {
            staged = try Preparation.stage(declaration, shortestPeriod: period, fresh: fresh) { Terminal.step($0) }
        } catch {
            if isNew { rmdir(folder) }
            throw Failure.failed(error)
        }
        Terminal.endProgress()
        do {
            try staged.copy(to: folder)
        } catch {
            throw Failure(message: "cannot write to the folder \(folder): \(error.localizedDescription)", exitCode: 1)
        }
        if json {
            let manifest = try String(contentsOfFile: folder + "/stages.json", encoding: .utf8)
            try Terminal.print(manifest.trimmingCharacters(in: .newlines))
            return
        }
        try Terminal.print(StageTable.text(staged, afet: nil))
        for note in staged.notes { try Terminal.print("note: \(note)") }
        try Terminal.print("written to \(folder)/")
    }
}

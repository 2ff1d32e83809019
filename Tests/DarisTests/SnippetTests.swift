import DarisCore
import Foundation
import Testing

@Suite("The README's snippets")
struct SnippetTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test("the README shows the libraries as they compile", arguments: ["Classifier", "TwoTasks"])
    func isShown(name: String) throws {
        let readme = try String(contentsOf: Self.root.appending(path: "README.md"), encoding: .utf8)
        let file = Self.root.appending(path: "Tests/DarisTests/Snippets/\(name).swift")
        #expect(readme.contains("```swift\n" + (try String(contentsOf: file, encoding: .utf8)) + "```"))
    }

    @Test("the scheduler alone decides as the README says")
    func decides() throws {
        let decisions = try twoTasks()
        let (front, side) = (JobID(task: 0, sequence: 0), JobID(task: 1, sequence: 0))
        #expect(
            decisions[0] == [
                .admitted(side, context: 0, migrated: false), .dispatch(Dispatch(stage: 0, lane: 0, job: side)),
            ])
        #expect(decisions[1] == [.admitted(front, context: 0, migrated: false)])
        guard case .finished(let outcome) = decisions[2].first else {
            Issue.record("\(decisions[2])")
            return
        }
        #expect(outcome.job == side && outcome.fate == .completed && outcome.reason == .onTime)
        #expect(outcome.responseTime == .milliseconds(9))
        #expect(decisions[2].dropFirst() == [.dispatch(Dispatch(stage: 0, lane: 0, job: front))])
    }
}

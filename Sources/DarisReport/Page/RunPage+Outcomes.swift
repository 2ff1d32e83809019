import DarisCore

extension RunPage {
    /// The limit of tasks in the heading of a group.
    private static let namedTasks = 6

    /// Why jobs missed their deadlines, were rejected or dropped: counts, then single jobs.
    var fateSection: String {
        let groups = outcomes.groups.sorted { $0.key < $1.key }
        let misses = groups.filter { $0.key.isMiss }.reduce(0) { $0 + $1.value.count }
        let lead =
            groups.isEmpty
            ? "<p class=\"hint\">Every job that was released was admitted and ended by its deadline.</p>"
            : "<p class=\"hint\">\(misses) \(misses == 1 ? "miss" : "misses") and \(other(groups, misses)). "
                + "Follow a job to see it in the timeline.</p>"
        return """
            <section id="fates">
            <h2>Why jobs missed their deadline, or did not run</h2>
            \(lead)
            \(groups.enumerated().map { group($1.key, $1.value, isOpen: $0 == 0) }.joined(separator: "\n"))
            </section>
            """
    }

    private func other(_ groups: [(key: OutcomeGroups.Kind, value: OutcomeGroups.Group)], _ misses: Int) -> String {
        Figure.counted(groups.reduce(0) { $0 + $1.value.count } - misses, "job") + " that did not run or did not end"
    }

    private func group(_ kind: OutcomeGroups.Kind, _ group: OutcomeGroups.Group, isOpen: Bool) -> String {
        let tasks = group.byTask.sorted { ($0.value, $1.key) > ($1.value, $0.key) }
        let named = tasks.prefix(Self.namedTasks).map { "\(name(of: $0.key)) \($0.value)" }.joined(separator: ", ")
        let others = tasks.count > Self.namedTasks ? ", \(tasks.count - Self.namedTasks) other tasks" : ""
        let hidden = group.count - group.notes.count
        let rest =
            hidden > 0
            ? "<p class=\"rest\">\(hidden) more; at most \(OutcomeGroups.taskLimit) a task and \(OutcomeGroups.kindLimit) in all "
                + "are explained. The record has every one.</p>" : ""
        let items = group.notes.map(item).joined(separator: "\n")
        return """
            <details class="fate\(kind.isMiss ? " miss" : "")"\(isOpen ? " open" : "")>
            <summary><b>\(group.count)</b> \(Self.escaped(kind.title))
            \(kind.isMiss ? "<em>counted as misses</em>" : "")
            <small>\(Self.escaped(named + others))</small></summary>
            <ol>
            \(items)
            </ol>\(rest)
            </details>
            """
    }

    private func item(_ note: OutcomeGroups.Note) -> String {
        let isShown = note.to >= timeline.from && note.from <= timeline.to
        let label = "\(name(of: note.job.task)) #\(note.job.sequence)"
        let time = "at \(Figure.fixed(note.to.inSeconds, decimals: 3)) s"
        let link = "data-job=\"\(note.job.task) \(note.job.sequence)\""
        let job =
            isShown
            ? "<a href=\"#timeline\" \(link)>\(Self.escaped(label))</a>" : "<b>\(Self.escaped(label))</b>"
        return "<li>\(job) <time>\(time)</time> \(Self.escaped(note.words))</li>"
    }

    private func name(of task: Int) -> String { configuration.tasks[task].name }
}

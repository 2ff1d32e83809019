/// How a run's page looks: on screens from 320 px on, light and dark, and on paper.
enum PageStyle {
    static let sheet = """
        :root{--page:#fff;--card:#f6f8fa;--ink:#1b1f24;--quiet:#57606a;--line:#d5dae0;--grid:#e9ecef;--bad:#c4261d;
        --good:#1a7f4b;--hp:#0b5cad;--lp:#9cc3e6;--hpline:#0b5cad;--lpline:#b45a00;--boxink:#14181d;--hpl:.7;--lpl:.84;
        --focus:#0b5cad}
        @media (prefers-color-scheme:dark){:root:not([data-print]){--page:#14171c;--card:#1c2128;--ink:#e8eaed;
        --quiet:#a2abb5;--line:#3a424b;--grid:#272d34;--bad:#ff7b72;--good:#4fc98b;--hp:#58a6ff;--lp:#2b4f7a;
        --hpline:#58a6ff;--lpline:#f0a050;--boxink:#0c0f12;--hpl:.72;--lpl:.6;--focus:#58a6ff}}
        *{box-sizing:border-box}
        body{margin:0 auto;max-width:1400px;padding:20px clamp(14px,3vw,36px) 40px;background:var(--page);
        color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
        h1{font-size:clamp(20px,3vw,28px);line-height:1.25;margin:2px 0 8px;overflow-wrap:anywhere}
        h2{font-size:19px;line-height:1.3;margin:40px 0 4px}
        p{margin:6px 0}
        a{color:var(--focus)}
        code{white-space:nowrap}
        .kind{color:var(--quiet);margin:0;font-size:13px}
        .kind strong{background:var(--lpline);color:var(--page);border-radius:3px;padding:1px 6px}
        .verdict{font-size:17px;border-left:4px solid var(--good);padding:2px 0 2px 12px;max-width:75ch}
        .verdict.bad{border-color:var(--bad)}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(160px,1fr));gap:10px;margin:18px 0}
        .tile{background:var(--card);border-radius:8px;padding:10px 14px}
        .tile dt{font-size:13px;color:var(--quiet)}
        .tile dd{margin:0}
        .tile b{font-size:26px;font-weight:650;font-variant-numeric:tabular-nums}
        .tile.bad b{color:var(--bad)}
        .tile span{display:block;font-size:13px;color:var(--quiet)}
        .facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:4px 28px;
        margin:12px 0;font-size:14px}
        .facts div{display:flex;gap:10px}
        .facts dt{color:var(--quiet);flex:0 0 84px}
        .facts dd{margin:0;overflow-wrap:anywhere}
        .hint,.rest,.notes{color:var(--quiet);font-size:14px;max-width:100ch}
        .hint strong{color:var(--ink)}
        .bar{display:flex;flex-wrap:wrap;gap:6px;align-items:center;margin:10px 0}
        button,select{font:inherit;font-size:14px;color:var(--ink);background:var(--card);border:1px solid var(--line);
        border-radius:6px;padding:4px 11px;min-height:34px;min-width:38px;cursor:pointer;max-width:100%}
        button:hover{border-color:var(--quiet)}
        button[aria-pressed=true]{border-color:var(--focus);box-shadow:inset 0 0 0 1px var(--focus)}
        :focus-visible{outline:2px solid var(--focus);outline-offset:2px}
        output{font-size:13px;color:var(--quiet);font-variant-numeric:tabular-nums;margin-left:4px}
        canvas{display:block;width:100%}
        #overview{height:46px;cursor:pointer;touch-action:none;margin-bottom:6px}
        #rows{max-height:min(72vh,760px);overflow-y:auto;border:1px solid var(--line);border-radius:6px}
        #lanes{position:sticky;top:0;cursor:grab;touch-action:pan-y}
        #lanes:focus-visible{outline-offset:-2px}
        #lanes:active{cursor:grabbing}
        #ecdf{height:300px;margin-top:8px}
        #legend{display:flex;flex-wrap:wrap;gap:4px 6px;margin:8px 0;font-size:13px}
        #legend button{font-size:13px;min-height:28px;padding:1px 9px;display:flex;align-items:center;gap:6px}
        #legend i{display:inline-block;width:18px;height:14px;border-radius:1px}
        #legend i.low{height:9px;border-radius:4px;align-self:end;margin-bottom:6px}
        #legend .key{color:var(--quiet);padding:3px 8px 3px 0}
        #detail,#tip{font-size:14px;white-space:pre-line}
        #detail{background:var(--card);border-radius:6px;padding:8px 12px;min-height:3.6em}
        #tip{position:fixed;z-index:2;pointer-events:none;max-width:min(420px,92vw);background:var(--page);
        border:1px solid var(--quiet);border-radius:6px;padding:7px 10px;font-size:13px;line-height:1.4;
        box-shadow:0 4px 14px #0004}
        #tip::first-line,#detail.chosen::first-line{font-weight:650}
        .fate{border-top:1px solid var(--line);padding:8px 0}
        .fate summary{cursor:pointer}
        .fate summary b{display:inline-block;min-width:2.2em;font-variant-numeric:tabular-nums}
        .fate.miss summary b{color:var(--bad)}
        .fate em{font-style:normal;font-size:12px;color:var(--bad);border:1px solid;border-radius:9px;padding:0 7px;
        white-space:nowrap}
        .fate small{display:block;color:var(--quiet);font-size:13px;margin-left:16px}
        .fate ol{margin:8px 0 4px;padding-left:16px;list-style:none;font-size:14px;max-width:110ch}
        .fate li{margin:0 0 8px;overflow-wrap:anywhere}
        .fate time{color:var(--quiet);margin-right:4px}
        #stages{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,300px),1fr));gap:14px 20px;
        margin:12px 0}
        #stages figure{margin:0;min-width:0}
        #stages figcaption{font-size:13px}
        #stages canvas{height:140px}
        details{margin:8px 0}
        .table{overflow-x:auto;margin:10px 0}
        table{border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums}
        th,td{padding:4px 12px;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
        th:first-child,:is(th,td):last-child:nth-child(5){text-align:left}
        tbody th{font-weight:500;text-align:left}
        thead th{color:var(--quiet);font-weight:500}
        thead th:first-child,tbody th{position:sticky;left:0;background:var(--page)}
        thead th:first-child{z-index:1}
        tbody th{max-width:38vw;overflow:hidden;text-overflow:ellipsis}
        footer{margin-top:40px;font-size:13px;color:var(--quiet)}
        @media print{body{max-width:none;padding:0;font-size:11pt}.screen,.bar,#detail,#tip{display:none}
        #rows{max-height:none;overflow:visible;border:0}#lanes{position:static}.table{overflow:visible}
        .tile,.fate li,#stages figure{break-inside:avoid}h2{break-after:avoid}.tile{border:1px solid var(--line)}
        thead th,tbody th{position:static}table{font-size:8pt}th,td{padding:2px 6px}}
        """
}

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let t = std::time::Instant::now();
    let registry = patrolint::rules::registry::Registry::builtin();
    println!("registry {:?}", t.elapsed());
    let t = std::time::Instant::now();
    let files = patrolint::input::offline::read(&[path]).unwrap();
    let snapshot = patrolint::model::snapshot::Snapshot::assemble(files).unwrap();
    println!("read {:?}", t.elapsed());
    for _ in 0..3 {
        let t = std::time::Instant::now();
        let n = patrolint::rules::check(&registry, &snapshot, &Default::default()).len();
        println!("check {:?} {n}", t.elapsed());
    }
}
